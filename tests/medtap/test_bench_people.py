"""`medtap bench people`: every kind of search finds somebody, in a database of its own only."""

import pytest

from medtap.bench.people import measure_people
from medtap.services.errors import ServiceError


@pytest.mark.integration
def test_every_kind_of_search_is_timed_and_a_filled_database_is_refused(postgres_dsn: str) -> None:
    said: list[str] = []
    figures = measure_people(patients=150, searches=5, seed=1, dsn=postgres_dsn, say=said.append)
    assert figures["patients"] == 150
    assert {"page_of_50_p95_ms", "citizen_number_p95_ms", "whole_name_p95_ms", "nobody_p95_ms"} <= set(figures)
    assert len(said) == 9
    with pytest.raises(ServiceError, match="holds patients"):
        measure_people(patients=150, searches=5, seed=1, dsn=postgres_dsn, say=said.append)
