"""What a page says: place, value, limit, since when, stock at risk, the next step, how to answer; Vietnamese first.

A short message holds the whole of it in two parts of 67 characters; what does not fit goes in this order: the link,
the stock, the next step. How to answer never goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.alarms.incident_facts import AlarmFacts, beyond
from gateway.alarms.kinds import TEMPERATURE_KINDS
from gateway.pager.kind_words import words_of
from gateway.pager.outbox import Kind, Occasion
from gateway.pager.page_facts import PageFacts
from gateway.pager.sms_pdu import segment_count

SEGMENTS_MAX: Final = 2
_NAME_LENGTHS: Final = (60, 40, 24, 16)
_NAMED_IN_SUMMARY: Final = 6
_DRILL: Final = ("[DIỄN TẬP] ", "[DRILL] ")
_WARNING: Final = ("[Cảnh báo] ", "[Warning] ")
_OCCASIONS: Final = {
    "again": ("(tái diễn) ", "(again) "),
    "worse": ("(nặng hơn) ", "(worse) "),
    "still_out": ("(vẫn chưa xong) ", "(still going on) "),
}


@dataclass(frozen=True)
class Words:
    """One page in words."""

    title: str
    """One line, Vietnamese."""
    body: str
    """Vietnamese, then English, with everything."""
    short: str
    """For a short message."""
    segments: int
    """How many short messages `short` takes."""


@dataclass(frozen=True)
class Style:
    """What is the same in all messages of a hospital."""

    zone: ZoneInfo
    base_url: str


def alarm_words(facts: PageFacts, occasion: Occasion, style: Style, *, token: str = "") -> Words:
    """Of one incident that somebody must see to.

    Args:
        facts: as it is now.
        occasion: why it is paged.
        style: the hospital's.
        token: of this page; whoever opens the link with it has read the page.
    """
    number = facts.incident.incident_number
    vi = _sentence(facts, occasion, style, 0)
    en = _sentence(facts, occasion, style, 1)
    words = words_of(facts.incident.leading.kind)
    link = incident_link(style.base_url, number, token)
    body = [vi, f"➜ {words.do_vi}", _stock(facts, 0), _answer(number, 0), "", en, f"➜ {words.do_en}"]
    body += [_stock(facts, 1), _answer(number, 1), "", link]
    short = _short(facts, occasion, style, incident_link(style.base_url, number, ""))
    return Words(vi.rstrip("."), "\n".join(_spaced(body)), short, segment_count(short))


def returned_words(facts: PageFacts, style: Style) -> Words:
    """It is back to normal; if nobody has acknowledged it, that is still to be done."""
    incident = facts.incident
    ended = incident.returned_at or incident.opened_at
    drill = _DRILL if incident.is_drill else ("", "")
    where_vi, where_en = place_name(facts, 0), place_name(facts, 1)
    open_vi = "" if incident.acknowledged_at else f" Chưa ai xác nhận: ACK {incident.incident_number} <việc đã làm>."
    open_en = (
        "" if incident.acknowledged_at else f" Not acknowledged yet: ACK {incident.incident_number} <what you did>."
    )
    vi = (
        f"{drill[0]}#{incident.incident_number} {where_vi}: đã về bình thường lúc {_clock(ended, style.zone)}.{open_vi}"
    )
    en = f"{drill[1]}#{incident.incident_number} {where_en}: back to normal at {_clock(ended, style.zone)}.{open_en}"
    return Words(vi.partition(". ")[0].rstrip("."), f"{vi}\n\n{en}", vi, segment_count(vi))


def summary_words(all_of_them: Sequence[PageFacts], style: Style) -> Words:
    """Many incidents as one message: how many, which, how to answer all at once."""
    numbers = [f"#{one.incident.incident_number} {place_name(one, 0)}" for one in all_of_them]
    drill = _DRILL[0] if all_of_them and all(one.incident.is_drill for one in all_of_them) else ""
    count = len(all_of_them)
    answer = "Nhận tất cả: ACK ALL <việc đã làm>"
    lines = [_sentence(one, "raised", style, 0) for one in all_of_them]
    link = f"{style.base_url}/on-call" if style.base_url else ""
    body = [f"{drill}{count} sự cố cùng lúc:", *lines, answer, "", f"{drill}{count} incidents at once:"]
    body += [
        *(_sentence(one, "raised", style, 1) for one in all_of_them),
        "All of them: ACK ALL <what you did>",
        "",
        link,
    ]
    short = ""
    for named in range(min(_NAMED_IN_SUMMARY, count), -1, -1):
        more = f" và {count - named} nơi khác" if 0 < named < count else ""
        short = f"{drill}{count} sự cố: {', '.join(numbers[:named])}{more}. {answer}".replace(": .", ".")
        if segment_count(short) <= SEGMENTS_MAX:
            break
    return Words(f"{drill}{count} sự cố cùng lúc", "\n".join(_spaced(body)), short, segment_count(short))


def plain_words(text: str) -> Words:
    """A reply, a probe or a test: as it was written."""
    return Words(text.partition("\n")[0][:120], text, text, segment_count(text))


def alarm_json(facts: PageFacts, kind: Kind, occasion: Occasion, style: Style, words: Words) -> dict[str, Any]:
    """For programs: every fact by itself, and the texts. `incident_key` stays the same for all pages of an incident."""
    incident, alarm = facts.incident, facts.incident.leading
    return {
        "kind": "temperature_alarm" if alarm.kind in TEMPERATURE_KINDS else "alarm",
        "page_kind": kind,
        "incident_key": str(incident.incident_id),
        "incident_number": incident.incident_number,
        "alarm_id": str(alarm.alarm_id),
        "occasion": incident.times_raised,
        "occasion_kind": occasion,
        "severity": incident.severity,
        "is_drill": incident.is_drill,
        "condition": alarm.kind,
        "cause": incident.cause,
        "place_id": incident.place_id,
        "place_names_vi": list(incident.place_names_vi),
        "place_names_en": list(incident.place_names_en),
        "device": alarm.device,
        "temperature_celsius": alarm.value_celsius,
        "peak_celsius": alarm.peak_celsius,
        "limit_celsius": alarm.limit_celsius,
        "started_at": alarm.started_at.isoformat(),
        "raised_at": alarm.raised_at.isoformat(),
        "lots_there": facts.stock.lots,
        "stock_value_vnd": facts.stock.value_vnd,
        "text_vi": _sentence(facts, occasion, style, 0) if kind == "alarm" else words.short,
        "text_en": _sentence(facts, occasion, style, 1) if kind == "alarm" else words.body.rpartition("\n")[2],
        "next_step_vi": words_of(alarm.kind).do_vi,
        "next_step_en": words_of(alarm.kind).do_en,
        "url": incident_link(style.base_url, incident.incident_number, ""),
        "state": incident.state,
    }


def incident_link(base_url: str, number: int, token: str) -> str:
    """Short enough for a short message; with the page's token, opening it is its receipt."""
    if not base_url:
        return ""
    return f"{base_url}/i/{number}" + (f"?r={token}" if token else "")


def place_name(facts: PageFacts, language: int) -> str:
    """The place, else the device, else what it is about."""
    incident = facts.incident
    if incident.is_drill and not incident.place_names_vi:
        return ("Tủ diễn tập", "Drill fridge")[language]
    names = incident.place_names_en if language else incident.place_names_vi
    alarm = incident.leading
    subject = alarm.subject.partition(":")[2]
    if alarm.kind in _ABOUT:
        return _ABOUT[alarm.kind][language] % {"subject": subject, "name": alarm.facts.get("name", subject)}
    return names[0] if names else alarm.device or subject


_ABOUT: Final = {
    "schedule_hole": ("Trực báo động", "On call"),
    "drill_failed": ("Báo động", "Paging"),
    "pager_channel_dead": ("Kênh %(subject)s", "Channel %(subject)s"),
    "heartbeat_missing": ("Máy giám sát %(subject)s", "Watcher %(subject)s"),
    "external": ("%(name)s", "%(name)s"),
}
"""What incidents are about that have no place, by the kind of their condition."""


def _what(alarm: AlarmFacts, language: int) -> str:
    """The condition's name; of another system's alert what that says of it."""
    words = words_of(alarm.kind)
    if alarm.kind == "external" and alarm.facts.get("summary"):
        return str(alarm.facts["summary"])
    return words.what_en if language else words.what_vi


def celsius_vi(temperature_celsius: float) -> str:
    """With a decimal comma, as Vietnamese writes it."""
    return celsius_en(temperature_celsius).replace(".", ",")


def celsius_en(temperature_celsius: float) -> str:
    """One decimal: no thermometer here is better than 0.1 degrees."""
    return f"{temperature_celsius:.1f} °C"


def _sentence(facts: PageFacts, occasion: Occasion, style: Style, language: int) -> str:
    """The incident in one sentence; 0 is Vietnamese, 1 English."""
    incident, alarm = facts.incident, facts.incident.leading
    marks = _marks(facts, occasion, language)
    names = incident.place_names_en if language else incident.place_names_vi
    where = ", ".join(names) or place_name(facts, language)
    what = _what(alarm, language)
    others = sum(1 for one in incident.alarms if one.is_active) - 1
    more = ("", "")
    if others > 0:
        more = (f" (và {others} dấu hiệu khác)", f" (and {others} more)")
    value = _value(alarm, language)
    begun = _since(alarm.started_at, style.zone, language)
    return f"{marks}#{incident.incident_number} {where}: {value or what}{more[language]}, {begun}."


def _marks(facts: PageFacts, occasion: Occasion, language: int) -> str:
    incident = facts.incident
    marks = _DRILL[language] if incident.is_drill else ""
    marks += _WARNING[language] if incident.severity == "warning" and not incident.is_drill else ""
    return marks + _OCCASIONS.get(occasion, ("", ""))[language]


def _value(alarm: AlarmFacts, language: int) -> str:
    if alarm.value_celsius is None or alarm.limit_celsius is None or alarm.kind not in TEMPERATURE_KINDS:
        return ""
    celsius = celsius_en if language else celsius_vi
    above = beyond(alarm) == "above"
    side = (("thấp hơn", "cao hơn"), ("below", "above"))[language][above]
    limit = ("giới hạn", "the limit")[language]
    return f"{celsius(alarm.value_celsius)}, {side} {limit} {celsius(alarm.limit_celsius)}"


def _since(at: datetime, zone: ZoneInfo, language: int) -> str:
    local = at.astimezone(zone)
    if language:
        return f"since {local:%H:%M:%S} on {local:%d %b %Y}"
    return f"từ {local:%H:%M:%S} ngày {local:%d/%m/%Y}"


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def _stock(facts: PageFacts, language: int) -> str:
    stock = facts.stock
    if not stock.lots:
        return ""
    if language:
        value = f", {stock.value_vnd:,} VND" if stock.value_vnd else ""
        return f"Stock there: {stock.products} products, {stock.lots} lots{value}."
    grouped = f"{stock.value_vnd:,}".replace(",", ".")
    value = f", trị giá {grouped} đ" if stock.value_vnd else ""
    return f"Hàng trong đó: {stock.products} mặt hàng, {stock.lots} lô{value}."


def _answer(number: int, language: int) -> str:
    if language:
        return f"Answer: ACK {number} <what you found or did>; pass it on: LEO {number}"
    return f"Trả lời: ACK {number} <đã thấy, đã làm gì>; chuyển người kế: LEO {number}"


def _short(facts: PageFacts, occasion: Occasion, style: Style, link: str) -> str:
    incident, alarm = facts.incident, facts.incident.leading
    head, name = f"{_marks(facts, occasion, 0)}#{incident.incident_number} ", place_name(facts, 0)
    if alarm.value_celsius is not None and alarm.limit_celsius is not None and alarm.kind in TEMPERATURE_KINDS:
        sign = ">" if beyond(alarm) == "above" else "<"
        what = f"{celsius_vi(alarm.value_celsius)} ({sign}{alarm.limit_celsius:g})".replace(" °C", "°C")
    else:
        what = _what(alarm, 0)
    begun = f" từ {_clock(alarm.started_at, style.zone)}."
    stock = f" {facts.stock.lots} lô." if facts.stock.lots else ""
    step = f" {words_of(alarm.kind).do_vi}"
    first_step = f"{step.partition(';')[0].rstrip('.')}."
    answer = f" ACK {incident.incident_number} <việc đã làm>"
    end = f" {link}" if link else ""
    choices = (
        (stock, step, end),
        (stock, first_step, end),
        (stock, first_step, ""),
        ("", first_step, ""),
        ("", "", ""),
    )
    text = ""
    for length in _NAME_LENGTHS:
        shown = name if len(name) <= length else f"{name[: length - 1]}…"
        for one in choices:
            text = f"{head}{shown}: {what[: 2 * length]}{begun}{one[0]}{one[1]}{answer}{one[2]}"
            if segment_count(text) <= SEGMENTS_MAX:
                return text
    return text


def _spaced(lines: Sequence[str]) -> list[str]:
    """Without lines that say nothing, but one between parts."""
    found: list[str] = []
    for line in lines:
        if line or (found and found[-1]):
            found.append(line)
    return found
