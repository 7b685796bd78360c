"""Reading what `/metrics` shows."""

from prometheus_client.parser import text_string_to_metric_families


def measured(page: str, name: str, *labels: str) -> dict[str, float]:
    """The numbers of one metric, by the values of these labels."""
    families = {family.name: family for family in text_string_to_metric_families(page)}
    samples = families[name].samples
    return {" ".join(sample.labels[label] for label in labels): sample.value for sample in samples}
