"""The hotspot's page as the helper serves it: made by another process, complete, and sealed by the browser's own code."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import web.ui
from pi_cam.setup_wizard.captive import POLICY, TYPES
from pi_cam.setup_wizard.captive_page import CaptivePage
from pi_cam.setup_wizard.sealed import Credentials, Seal
from tests.prerequisites import require

UI = Path(web.ui.__file__).parent
ODD = 'it\'s "home" $(reboot) 🏠\n'


@pytest.fixture(scope="module")
def page() -> CaptivePage:
    page = CaptivePage()
    asyncio.run(page.prepare())
    return page


def test_both_languages(page: CaptivePage) -> None:
    assert '<html lang="fr">' in page.html["fr"]
    assert "Le Wi-Fi de la maison" in page.html["fr"]
    assert "Your home’s Wi-Fi" in page.html["en"]


def test_all_that_it_loads_is_there_and_nothing_is_inline(page: CaptivePage) -> None:
    for html in page.html.values():
        named = set(re.findall(r'(?:src|href)="/setup-wifi/([^"?]+)"', html))
        assert named <= set(page.files)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>", html)
        assert len(re.findall("<form", html)) == 1
    for name, text in page.files.items():
        assert name.rpartition(".")[2] in TYPES
        assert set(re.findall(rb'^import .* from "\./(\S+)";$', text, re.MULTILINE)) <= {
            one.encode() for one in page.files
        }
    assert "form-action 'none'" in POLICY


def test_it_is_seven_small_files(page: CaptivePage) -> None:
    """A phone has it in a second, from a radio that has just come up."""
    assert sum(len(text) for text in page.files.values()) < 100_000


def test_what_the_browser_seals_is_opened() -> None:
    require("node (apt install nodejs)", shutil.which("node") is not None)
    seal = Seal()
    script = """
        import { readFileSync } from "node:fs";
        import { webcrypto } from "node:crypto";
        import { runInThisContext } from "node:vm";
        globalThis.self = globalThis;  // as in a browser
        globalThis.crypto ??= webcrypto;
        runInThisContext(readFileSync(process.argv[1] + "/static/nacl-fast.min.js", "utf8"));
        const { seal } = await import(process.argv[1] + "/player/sealing.js");
        process.stdout.write(seal(process.argv[2], JSON.parse(process.argv[3])));
    """
    said = json.dumps({"ssid": ODD, "passphrase": "un mot de passe", "hidden": True})
    command = ["node", "--input-type=module", "--eval", script, "--", str(UI), seal.public, said]
    sealed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "passe" not in sealed
    assert seal.open(sealed) == Credentials(ODD, "un mot de passe", True)


def test_tweetnacl_is_as_its_authors_publish_it() -> None:
    published = UI / "node_modules/tweetnacl/nacl-fast.min.js"
    require("TweetNaCl (cd web/ui && npm ci)", published.exists())
    assert (UI / "static/nacl-fast.min.js").read_bytes() == published.read_bytes()
