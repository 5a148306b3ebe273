"""Taps of health cards: judged again, with the card's state, its counter and the proof of presence; see README.md."""
