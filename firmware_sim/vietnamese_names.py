"""Plausible names of Vietnamese children: family, middle and given name, in that order, with their diacritics."""

import random

_FAMILY = (
    ("Nguyễn", 31), ("Trần", 11), ("Lê", 10), ("Phạm", 7), ("Huỳnh", 6), ("Phan", 5), ("Võ", 5), ("Đặng", 3),
    ("Bùi", 3), ("Đỗ", 3), ("Hồ", 3), ("Ngô", 2), ("Dương", 2), ("Lý", 2), ("Trương", 2), ("Đinh", 1), ("Lâm", 1),
)  # fmt: skip
"""Family names of the south with a rough weight in percent."""
_GIRLS = (
    "Ngọc Anh", "Bảo Ngọc", "Minh Châu", "Khánh Linh", "Gia Hân", "Thanh Trúc", "Phương Uyên", "Quỳnh Như",
    "Thảo Vy", "Tường Vi", "Hoàng Yến", "Kim Ngân", "Mỹ Duyên", "Diễm My", "Bích Trâm", "Thiên Ân", "Tuệ Lâm",
    "Nhã Uyên", "Cát Tiên", "Hồng Phúc",
)  # fmt: skip
_BOYS = (
    "Gia Bảo", "Minh Khôi", "Quốc Huy", "Đức Anh", "Hoàng Long", "Thiên Phúc", "Nhật Minh", "Anh Tuấn", "Tấn Phát",
    "Hữu Nghĩa", "Phúc Khang", "Bảo Khang", "Đăng Khoa", "Trọng Nhân", "Minh Quân", "Thành Đạt", "Khôi Nguyên",
    "Quang Vinh", "Trí Dũng", "Xuân Trường",
)  # fmt: skip


def draw_name(rng: random.Random, sex: str) -> str:
    """A full name for a child whose `sex` is "female" or "male"."""
    names, weights = zip(*_FAMILY, strict=True)
    family = rng.choices(names, weights)[0]
    return f"{family} {rng.choice(_GIRLS if sex == 'female' else _BOYS)}"
