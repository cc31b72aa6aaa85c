from __future__ import annotations

import pytest

from engines.contract.errors import InputError, UnknownKeyError
from engines.imaging.volumes.label_classes import (
    LabelClass,
    class_table,
    class_tables,
    classes_from,
    clinical_terms,
    colour_of,
    named,
    plain,
)


def test_every_shipped_table_is_read_and_has_distinct_colours() -> None:
    assert {"public_cardiac_ct", "brain_tumour", "coronary"} <= set(class_tables())
    for key in class_tables():
        classes = class_table(key)
        assert len({found.colour for found in classes}) == len(classes)
        assert classes_from(plain(classes)) == classes


def test_the_cardiac_table_has_the_classes_of_the_data_set() -> None:
    table = {found.value: found.name for found in class_table("public_cardiac_ct")}
    assert sorted(table) == list(range(1, 11))
    assert (table[6], table[9]) == ("aorta", "coronary arteries")


def test_terms_are_those_of_dicoms_dictionary() -> None:
    from pydicom.sr.codedict import codes

    terms = clinical_terms()
    assert {one.name.casefold() for one in class_table("public_cardiac_ct")} <= set(terms)
    for term in terms.values():
        for code, meaning in ((term.code, term.meaning), (term.category_code, term.category_meaning)):
            keyword = meaning.title().replace(" ", "")
            assert getattr(codes.SCT, keyword).value == code


def test_an_unknown_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownKeyError, match="public_cardiac_ct"):
        class_table("nothing")


def test_labels_beyond_the_table_are_named_by_their_number() -> None:
    found = named([0, 3, 1, 3], [LabelClass(1, "血管", "#112233")])
    assert found == (LabelClass(1, "血管", "#112233"), LabelClass(3, "label 3", colour_of(3)))


@pytest.mark.parametrize(
    "rows",
    [
        [{"value": 0, "name": "background"}],
        [{"value": 70000, "name": "far"}],
        [{"value": 1, "name": " "}],
        [{"value": 1, "name": "a"}, {"value": 1, "name": "b"}],
        [{"name": "no value"}],
    ],
)
def test_rows_that_are_no_classes_are_refused(rows: list[dict[str, object]]) -> None:
    with pytest.raises(InputError, match="class"):
        classes_from(rows)
