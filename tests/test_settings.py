"""auditor.toml: what it sets, and how a mistake in it is said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.findings import Category, Severity
from auditor.select import configure, select
from auditor.settings import BadSettings, Settings, load
from tests.lab import RULES

ROTATED = "iam-user-access-key-rotated"


def settings(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "auditor.toml"
    path.write_text(text)
    return load(path)


def test_no_file_is_all_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None) == Settings()


def test_the_file_of_the_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "auditor.toml").write_text('[scan]\nregions = ["eu-west-1"]\n')
    monkeypatch.chdir(tmp_path)
    assert load(None).scan.regions == ("eu-west-1",)


def test_the_mark_of_windows_editors_is_passed_over(tmp_path: Path) -> None:
    assert settings(tmp_path, "\ufeff[scan]\nconcurrency = 3\n").scan.concurrency == 3


def test_rules_are_switched_and_tuned(tmp_path: Path) -> None:
    made = settings(
        tmp_path,
        f'[rules.{ROTATED}]\nmax_age_days = 30\nseverity = "low"\n[rules.iam-root-mfa-enabled]\nenabled = false\n',
    )
    chosen = {rule.id for rule in select(RULES, made)}
    assert "iam-root-mfa-enabled" not in chosen and ROTATED in chosen
    setting = configure(RULES, made)[ROTATED]
    (name,) = [name for name in RULES[ROTATED].parameters if "days" in name]
    assert setting.severity is Severity.LOW and setting.parameters == {name: 30}


def test_a_parameter_for_all_rules_that_have_it(tmp_path: Path) -> None:
    made = configure(RULES, settings(tmp_path, '[parameters]\ntrusted_account_ids = ["210987654321"]\n'))
    having = {rule.id for rule in RULES.values() if "trusted_account_ids" in rule.parameters}
    assert made.keys() == having and len(having) > 1
    assert all(setting.parameters == {"trusted_account_ids": ("210987654321",)} for setting in made.values())


def test_a_rule_named_on_the_command_line_runs_though_switched_off(tmp_path: Path) -> None:
    made = settings(tmp_path, f"[rules.{ROTATED}]\nenabled = false\n")
    assert [rule.id for rule in select(RULES, made, rules=[ROTATED])] == [ROTATED]


def test_choosing_by_service_and_category() -> None:
    assert {rule.service for rule in select(RULES, Settings(), services=["iam"])} == {"iam"}
    chosen = select(RULES, Settings(), categories=[Category.RELIABILITY])
    assert chosen and {rule.category for rule in chosen} == {Category.RELIABILITY}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[scan]\nregoins = []\n", "unknown key scan.regoins; did you mean regions?"),
        ("[scna]\n", "unknown key scna; did you mean scan?"),
        ("[scan]\nconcurrency = 0\n", "scan.concurrency"),
        ("[scan\n", "is not TOML"),
        ("a = " + "[" * 10_000 + "\n", "nested too deeply"),
        ('[scan]\nregions = "eu-west-1"\n', "scan.regions: Input should be a list"),
        ("scan = 3\n", "scan: Input should be a table"),
        (f"[rules]\n{ROTATED} = false\n", f"rules.{ROTATED}: Input should be a table"),
        (f'[rules.{ROTATED}]\nseverity = "terrible"\n', f"rules.{ROTATED}.severity"),
    ],
)
def test_a_mistake_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        settings(tmp_path, text)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rules.iam-root-mfa-enabeld]\n", "did you mean iam-root-mfa-enabled?"),
        (f"[rules.{ROTATED}]\nmax_age = 3\n", "has no such parameter"),
        (f'[rules.{ROTATED}]\nmax_age_days = "old"\n', "valid integer"),
        ("[parameters]\ntrusted_accounts = []\n", "did you mean trusted_account_ids?"),
        ('[scan]\nservices = ["iaam"]\n', "scan.services: unknown service iaam"),
        ('[parameters]\ntrusted_account_ids = "1"\n', "parameters.trusted_account_ids: Input should be a list"),
    ],
)
def test_a_mistake_about_rules_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    made = settings(tmp_path, text)
    with pytest.raises(BadSettings) as caught:
        select(RULES, made)
        configure(RULES, made)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        load(tmp_path / "none.toml")


@given(st.text())
def test_any_text_is_settings_or_a_clear_refusal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        assert isinstance(load(path), Settings)
    except BadSettings as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
