"""Words of the cold chain's records: refusals, states of a calibration, kinds of conditions, what is drawn."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.speech import Speech
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.records.chart_plan import ChartWords
from gateway.records.place_reads import PlaceExcursion

TITLE: Final = N_("This can't be recorded")
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "serial_missing": N_("The serial number is missing. Read it off the instrument."),
        "serial_twice": N_(
            "Serial number %(serial)s is on record already (%(where)s). Correct it, or connect that instrument here; if"
            " two instruments really carry the same number, confirm it below."
        ),
        "range_wrong": N_("The lower end of the range must be below the upper one."),
        "interval_wrong": N_("The time between two readings must be above 0 and at most a day."),
        "battery_wrong": N_("A battery's life is given in months, above 0."),
        "connected_before": N_("Another connection is known of %(at)s. Give a later time."),
        "not_connected": N_("The instrument is not connected anywhere at that time."),
        "device_unknown": N_("There is no such device."),
        "sensor_unknown": N_("There is no such instrument."),
        "certificate_unnamed": N_("Number and laboratory stand on the certificate: enter both."),
        "validity_wrong": N_("The end of the validity, %(last)s, is before the day of the calibration, %(first)s."),
        "performed_ahead": N_("The calibration can't have been performed on a day to come (%(first)s)."),
        "points_missing": N_("Enter at least one line of the certificate's table."),
        "point_wrong": N_(
            "Reference %(reference)s, instrument %(indicated)s: a correction or an uncertainty of more than 5 °C is a"
            " slip, or the instrument is broken. Check the line."
        ),
        "points_crossed": N_(
            "At instrument %(indicated)s, reference %(reference)s the table turns back: each reading of the instrument"
            " once, and a warmer reference for a warmer reading. Check the lines."
        ),
        "certificate_twice": N_("Certificate %(number)s of this instrument is on record already."),
        "certificate_unknown": N_("There is no such certificate that counts."),
        "file_unknown": N_("No file was kept of this certificate."),
        "file_changed": N_("The kept file is not what was sent in. Ask the laboratory for it again."),
        "file_no_pdf": N_("“%(name)s” is no PDF. Send the laboratory's file as it is."),
        "file_too_large": N_("“%(name)s” is larger than 10 MB. Send a smaller scan."),
        "file_cut": N_("“%(name)s” ends in the middle. Send it again."),
        "reason_missing": N_("The reason is missing. Say why."),
        "place_unknown": N_("There is no such place."),
        "excursion_unknown": N_("There is no such excursion."),
        "days_crossed": N_("The last day, %(last)s, is before the first, %(first)s."),
        "period_too_long": N_("From %(first)s to %(last)s is too long: one report holds at most %(most)s days."),
        "times_crossed": N_("The end of the mapping is before its begin."),
        "positions_count": N_("A mapping needs at least two positions, and at most %(most)s."),
        "position_twice": N_("Position “%(position)s”: each position needs a name of its own."),
        "position_outside": N_("Position “%(position)s” lies outside the sketch. Correct its column and row."),
        "position_without_readings": N_("Position “%(position)s”: choose a thermometer, or the file of a logger."),
        "file_outside": N_("The file of position “%(position)s” has no reading in the time of the mapping."),
        "file_unreadable": N_("The file of position “%(position)s” can't be read: %(problem)s"),
        "no_thermometer": N_("No thermometer hung there in this time. Choose another time or place."),
        "mapping_unknown": N_("There is no such mapping that counts."),
    }
)
DUE: Final[Mapping[str, State]] = MappingProxyType(
    {
        "none": State("attention", N_("Not calibrated")),
        "over": State("stop", N_("Calibration is over")),
        "today": State("stop", N_("Calibration ends today")),
        "in_30_days": State("attention", N_("Calibration due within 30 days")),
        "in_90_days": State("info", N_("Calibration due within 90 days")),
        "valid": State("ok", N_("Calibrated")),
    }
)
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temperature_high": N_("Too warm"),
        "temperature_low": N_("Too cold"),
        "freeze": N_("Danger of freezing"),
        "rate_of_rise": N_("Warms quickly"),
        "door_open": N_("Door open"),
        "power_cut": N_("No mains power"),
        "sensor_silent": N_("Thermometer silent"),
        "sensor_implausible": N_("Reading can't be true"),
        "battery_low": N_("Battery low"),
        "calibration_due": N_("Calibration due"),
        "broker_silent": N_("Broker not reachable"),
        "agent_silent": N_("Edge node silent"),
        "clock_off": N_("Clock is off"),
        "dead_letters": N_("Messages not understood"),
        "pager_channel_dead": N_("Pager channel dead"),
        "schedule_hole": N_("Nobody on call"),
        "heartbeat_missing": N_("Heartbeat missing"),
        "external": N_("Told by other software"),
        "drill": N_("Drill"),
        "drill_failed": N_("Drill failed"),
    }
)
"""Kinds of conditions; one that is not here is shown by its name."""
JOURNAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "raised": N_("raised"),
        "paged": N_("message sent"),
        "escalated": N_("passed on to the next person"),
        "acknowledged": N_("acknowledged"),
        "commented": N_("comment"),
        "acknowledgement_lapsed": N_("still outside: asked again"),
        "shelved": N_("put off"),
        "out_of_service": N_("taken out of service"),
        "unsilenced": N_("counts again"),
        "condition_ended": N_("one cause is over"),
        "returned": N_("back to normal"),
        "closed": N_("over"),
        "drill": N_("drill"),
    }
)
"""What happened to an alarm; what is not here is shown by its name."""
CHANNELS: Final[Mapping[str, str]] = MappingProxyType(
    {"page": N_("web page"), "api": N_("other software"), "sms": N_("text message"), "drill": N_("drill")}
)
RESOLUTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"reading": N_("every reading"), "minute": N_("minute by minute"), "hour": N_("hour by hour")}
)
SPAN_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "6h": N_("6 hours"),
        "24h": N_("24 hours"),
        "7d": N_("7 days"),
        "30d": N_("30 days"),
        "92d": N_("3 months"),
        "366d": N_("1 year"),
    }
)
LEVELS: Final = MappingProxyType({"top": N_("top"), "middle": N_("middle"), "bottom": N_("bottom")})
LOADS: Final = MappingProxyType({"empty": N_("empty"), "part": N_("partly filled"), "full": N_("full")})
DOUBTS: Final = MappingProxyType(
    {
        "position_empty": N_("a position has no reading"),
        "not_calibrated": N_("a thermometer has no calibration certificate"),
        "too_uncertain": N_("a thermometer is less certain than 0.5 °C"),
        "too_rare": N_("a thermometer measured less often than every 15 minutes"),
        "gaps": N_("readings are missing for a part of the time"),
        "under_a_day": N_("it lasted less than a day"),
    }
)
ACTS: Final = MappingProxyType(
    {
        "entered": N_("entered"),
        "corrected": N_("corrected"),
        "connected": N_("connected"),
        "disconnected": N_("disconnected"),
        "withdrawn": N_("withdrawn"),
    }
)
_LEGEND: Final = MappingProxyType(
    {
        "line": N_("Temperature"),
        "band": N_("Lowest to highest"),
        "limit": N_("Limit"),
        "excursion": N_("Outside, with alarm"),
        "excursion_short": N_("Outside, too short for an alarm"),
        "gap": N_("Missing data"),
        "offline": N_("Thermometer offline"),
        "mark": N_("Door opened"),
    }
)
_SIDES: Final = MappingProxyType({"high": N_("Too warm"), "low": N_("Too cold")})


def chart_words(speech: Speech) -> ChartWords:
    """Of charts on pages."""

    def excursion(one: PlaceExcursion) -> str:
        return f"{speech.text(_SIDES[one.side])}, {speech.celsius(one.peak_celsius)}, {speech.duration(one.outside_s)}"

    return ChartWords(
        number=speech.decimal,
        moment=speech.day_and_clock,
        high_limit=speech.text(N_("upper limit")),
        low_limit=speech.text(N_("lower limit")),
        legend={name: speech.text(word) for name, word in _LEGEND.items()},
        texts=excursion,
    )
