"""What the form of a rule is posted with."""

from console.alerts.models import AlertRule


def rule_form(rule: AlertRule, **changed: str) -> dict[str, str]:
    unit = rule.about.unit
    said = {
        "threshold": str(unit.plain(rule.threshold)), "severity": rule.severity, "enabled": "on",
        "holds_s": str(rule.holds_s), "clears_after_s": str(rule.clears_after_s),
    }  # fmt: skip
    for name in ("critical_from", "clears_at"):
        value = getattr(rule, name)
        said[name] = "" if value is None else str(unit.plain(value))
    return said | changed
