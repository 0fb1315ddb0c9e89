"""Where settings come from."""

import pytest

from shared.config import Settings
from shared.errors import UsageError

SECRET = "mongodb://ann:very-secret@db/tastegraph"


@pytest.fixture
def secret_file(tmp_path, monkeypatch):
    file = tmp_path / "history-url"
    file.write_text(SECRET + "\n")
    monkeypatch.setenv("TASTEGRAPH_HISTORY_URL_FILE", str(file))
    return file


def test_a_secret_is_read_from_the_file_that_is_named(secret_file):
    assert SECRET == Settings().history_url


def test_the_variable_itself_goes_before_the_file_and_an_argument_before_both(secret_file, monkeypatch):
    monkeypatch.setenv("TASTEGRAPH_HISTORY_URL", "file:near")
    assert ("file:near", "file:given") == (Settings().history_url, Settings(history_url="file:given").history_url)


def test_a_file_that_cannot_be_read_is_named_by_its_variable(secret_file):
    secret_file.unlink()
    with pytest.raises(UsageError, match="TASTEGRAPH_HISTORY_URL_FILE"):
        Settings()


def test_a_signing_key_from_a_file_stays_hidden(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("k" * 40)
    monkeypatch.setenv("TASTEGRAPH_SIGNING_KEY_FILE", str(tmp_path / "key"))
    settings = Settings()
    assert (settings.signing_key.get_secret_value(), "kkk" in repr(settings)) == ("k" * 40, False)
