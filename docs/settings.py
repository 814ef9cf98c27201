"""Writes the settings of config.py into .env.sample and docs/operations.md: ``make docs``."""

from textwrap import wrap

from mediatheque.config import ROOT, SETTINGS, Setting

SAMPLE, DOCUMENT = ROOT / ".env.sample", ROOT / "docs/operations.md"
BEGIN, END = "<!-- settings: make docs writes them -->\n", "<!-- end of the settings -->\n"
HEAD = "# Settings. `make run` copies this file to .env and puts a secret in. Empty is unset; the environment wins.\n"
WIDTH = 120


def values(setting: Setting) -> str:
    """What *setting* takes, where that is a closed set."""
    if setting.numbers:
        return f"{setting.numbers[0]} to {setting.numbers[-1]}"
    return ", ".join(f"`{word}`" for word in setting.words)


def default(setting: Setting) -> str:
    return f"`{setting.default}`" if setting.default else setting.unset


def table() -> str:
    """All settings, in Markdown."""
    cells = [("variable", "default", "values", "meaning"), ("---",) * 4]
    cells += [(f"`{each.name}`", default(each), values(each), each.meaning) for each in SETTINGS.values()]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def rendered(document: str) -> str:
    """*document* with today's settings between its two markers."""
    before, _, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{DOCUMENT} has lost the markers around its settings.")
    return f"{before}{BEGIN}{table()}{END}{after}"


def sample() -> str:
    """The file .env.sample: what each setting means, and its default."""
    parts = [HEAD]
    for each in SETTINGS.values():
        known = [each.meaning]
        known += [f"Values: {values(each)}."] if values(each) else []
        known += [f"Unset: {each.unset}."] if each.unset else []
        said = wrap(" ".join(known), WIDTH, initial_indent="# ", subsequent_indent="# ")
        parts.append("\n".join([*said, f"{each.name}={each.default}\n"]))
    return "\n".join(parts)


if __name__ == "__main__":
    SAMPLE.write_text(sample(), encoding="utf-8")
    DOCUMENT.write_text(rendered(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
