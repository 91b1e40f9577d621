#!/usr/bin/env python3
"""Stands in for cloudflared 2026.8.2: takes the same words, ends with the same statuses, says the same lines and answers
`/ready` the same way, but connects to nobody. What it is to do wrong stands in `behaviour.json` in its folder (the first
word), read anew at each start and each second; each run leaves a line in `runs.jsonl` there. The standard library alone."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

ROOT_KEYS = {"tunnel", "credentials-file", "no-autoupdate", "metrics", "management-diagnostics", "ingress"}
RULE_KEYS = {"hostname", "path", "service", "originRequest"}


def behaviour(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "behaviour.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def say(level: str, message: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {level} {message}\n")
    sys.stderr.flush()


def parse(text: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    """As much of YAML as the tests write: root keys, rules, and which keys nobody knows."""
    root: dict[str, Any] = {}
    rules: list[dict[str, Any]] = []
    unused = []
    for line in text.splitlines():
        found = re.fullmatch(r"(\s*)(- )?([\w-]+):\s*(.*)", line)
        if found is None or line.lstrip().startswith("#"):
            continue
        inside, begins, key, value = found.groups()
        plain = json.loads(value) if value.startswith('"') else value
        if not inside:
            root[key] = plain
            continue
        if begins:
            rules.append({})
        rules[-1][key] = plain
        if key not in RULE_KEYS:
            unused.append(f"  line: field {key} not found in type config.UnvalidatedIngressRule")
    return root, rules, unused


def fault_of(rules: list[dict[str, Any]]) -> str | None:
    if not rules:
        return "The config file doesn't contain any ingress rules"
    for number, rule in enumerate(rules):
        host, last = rule.get("hostname", ""), number == len(rules) - 1
        if ":" in host:
            return "Hostname cannot contain a port"
        if "*" in host[1:]:
            return (
                'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains'
            )
        if last == bool(host):
            return (
                "The last ingress rule must match all URLs" if last else f"Rule #{number + 1} is matching all traffic"
            )
        if re.fullmatch(r"https?://[^/]+/.+", rule.get("service", "")):
            return f"{rule['service']} is an invalid address, ingress rules don't support proxying to a different path"
    return None


def validate(config: Path) -> int:
    _, rules, unused = parse(config.read_text())
    print(f"Validating rules from {config}")  # noqa: T201 - as the program does
    fault = fault_of(rules)
    if fault:
        sys.stderr.write(f"Validation failed: {fault}\n")
        return 1
    if unused:
        print("Warning: unused keys detected in your config file. Here is a list of unused keys:")  # noqa: T201
        print("\n".join(unused))  # noqa: T201
        return 0
    print("OK")  # noqa: T201
    return 0


class Metrics(HTTPServer):
    allow_reuse_address = False
    ready = False
    silent = False


class Ready(BaseHTTPRequestHandler):
    server: Metrics

    def do_GET(self) -> None:
        if self.server.silent:
            time.sleep(60)
        ready = self.server.ready and self.path == "/ready"
        body = json.dumps({"status": 200 if ready else 503, "readyConnections": 4 if ready else 0}).encode()
        self.send_response(200 if ready else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def secret_of(arguments: list[str], root: dict[str, Any]) -> str:
    """Reads what the real one would; its content goes into a line that must not come through."""
    if "--token-file" in arguments:
        return Path(arguments[arguments.index("--token-file") + 1]).read_text().strip()
    if "credentials-file" in root:
        return str(json.loads(Path(root["credentials-file"]).read_text())["TunnelSecret"])
    return "none"


def run(folder: Path, arguments: list[str], config: Path) -> int:
    root, _, _ = parse(config.read_text())
    wanted = behaviour(folder)
    secret = secret_of(arguments, root)
    say("INF", f"Starting tunnel tunnelID={root.get('tunnel', '')}")
    say("INF", f"Settings: map[cred-file:{root.get('credentials-file', '')} secret:{secret}]")
    say("DBG", f"GET https://x.example/ HTTP/1.1 Cookie={secret} connIndex=0")
    sys.stderr.write(f"Cookie: sid={secret}\n{'x' * 20_000}\n")
    forged = "2026-08-28T10:00:00Z ERR forged by a stranger "
    sys.stderr.write(f"2026-08-28T10:00:00Z ERR Request failed dest=https://x.example/{forged * 500}\n")
    host, _, port = root["metrics"].rpartition(":")
    try:
        metrics = Metrics((host, int(port)), Ready)
    except OSError:
        say(
            "ERR",
            f'Error opening metrics server listener error="listen tcp {host}:{port}: bind: address already in use"',
        )
        return 1
    threading.Thread(target=metrics.serve_forever, daemon=True).start()
    end = threading.Event()
    if wanted.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: end.set())
    for line in wanted.get("say", []):
        say(*line)
    began = time.monotonic()
    while not end.wait(0.05):
        wanted = behaviour(folder)
        passed = time.monotonic() - began
        if passed >= wanted.get("crash_after", 1e9):
            return int(wanted.get("status", 1))
        connected = passed >= wanted.get("ready_after", 0.1)
        if connected and not metrics.ready:
            if "--url" in arguments:
                name = wanted.get("quick_host", "four-random-plain-words.trycloudflare.com")
                say(
                    "INF",
                    "|  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |",
                )
                say("INF", f"|  https://{name}{' ' * 40}|")
            say(
                "INF",
                "Registered tunnel connection connIndex=0 connection=0aa ip=198.51.100.7 location=par01 protocol=quic",
            )
        metrics.ready, metrics.silent = connected, bool(wanted.get("silent"))
    say("INF", "Initiating graceful shutdown due to signal terminated ...")
    return 0


def main() -> int:
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    with (folder / "runs.jsonl").open("a") as file:
        kept = {"pid": os.getpid(), "arguments": arguments, "environment": dict(os.environ), "at": time.monotonic()}
        file.write(json.dumps(kept) + "\n")
    if arguments == ["--version"]:
        print("cloudflared version 2026.8.2 (built 2026-08-20-1200 UTC)")  # noqa: T201
        return 0
    if arguments[:2] != ["tunnel", "--config"]:
        sys.stderr.write("Incorrect Usage\n")
        return 1
    config, rest = Path(arguments[2]), arguments[3:]
    if rest == ["ingress", "validate"]:
        time.sleep(behaviour(folder).get("hesitate", 0))
        return validate(config)
    return run(folder, arguments, config)


if __name__ == "__main__":
    sys.exit(main())
