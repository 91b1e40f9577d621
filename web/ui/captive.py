"""The page of the setup hotspot, which another program than the pages' own serves: by plain HTTP, as it is.

    python -m web.ui.captive      writes it to stdout, in each language, with all that it loads

One JSON object: `pages` by language, `files` by name.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web.ui import texts
from web.ui.server_sentences import WIFI

HERE = Path(__file__).parent
SCRIPT = "player/captive.js"
FILES = (
    SCRIPT,
    "player/sealing.js",
    "player/texts.js",
    "player/troubles.js",
    "static/base.css",
    "static/captive.css",
    "static/logo.svg",
    "static/nacl-fast.min.js",
)


def bundle() -> dict[str, dict[str, str]]:
    """`pages` and `files`."""
    return {
        "pages": {language: page(language) for language in texts.LANGUAGES},
        "files": {Path(name).name: (HERE / name).read_text("utf-8") for name in FILES},
    }


def page(language: str) -> str:
    """The page in one language. The sentences that its script says or shows are in it."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    say = texts.translator(language)
    messages = {sentence: say(sentence) for sentence in _said_by_script()}
    return environment.get_template("captive.html").render(_=say, language=language, messages=messages)


def _said_by_script() -> list[str]:
    catalogue = texts.catalogue(texts.DEFAULT_LANGUAGE)
    return [*WIFI, *(str(one.id) for one in catalogue if one.id and SCRIPT in {file for file, _ in one.locations})]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bundle()))
