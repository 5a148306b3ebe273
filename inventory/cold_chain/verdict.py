"""The verdict over a sensor's readings: excursions of every rule and gaps; a pure function of the set of readings."""

from dataclasses import dataclass

from inventory.cold_chain.rule import Rule, check_rules
from inventory.cold_chain.rule_run import Excursion, RuleRun
from inventory.cold_chain.series import Series


@dataclass(frozen=True)
class Verdict:
    """What the readings show; excursions by start, then in the order of the rules."""

    series: Series
    rules: tuple[Rule, ...]
    excursions: tuple[Excursion, ...]
    gaps_us: tuple[tuple[int, int], ...]

    @property
    def is_alarm(self) -> bool:
        """Whether any rule's time was reached."""
        return any(excursion.triggered_us is not None for excursion in self.excursions)


def judge(series: Series, rules: tuple[Rule, ...]) -> Verdict:
    """Judge a sensor's whole history.

    Raises:
        ColdChainError: no rules, or two of one name.
    """
    found: list[tuple[int, int, Excursion]] = []
    for place, rule in enumerate(check_rules(rules)):
        found.extend((excursion.started_us, place, excursion) for excursion in _judge_rule(series, rule))
    found.sort(key=lambda each: each[:2])
    return Verdict(series, rules, tuple(excursion for _, _, excursion in found), series.gaps_us())


def _judge_rule(series: Series, rule: Rule) -> list[Excursion]:
    run = RuleRun(rule, series.gap_us)
    ended: list[Excursion] = []
    for at_us, value in zip(series.at_us, series.highest if rule.side == "high" else series.lowest, strict=True):
        excursion = run.advance(at_us, value)
        if excursion is not None:
            ended.append(excursion)
    last = run.excursion()
    return ended if last is None else [*ended, last]
