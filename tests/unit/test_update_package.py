"""Packages of updates: what is let in, and what is not, whatever the bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_cam.errors import PiCamError, UpdateRefused
from pi_cam.updates import maker, trusted
from pi_cam.updates.manifest import MAX_BYTES, Machine, Manifest
from pi_cam.updates.package import MAGIC, Package

KEY = Ed25519PrivateKey.generate()
TRUSTED = [Ed25519PrivateKey.generate().public_key(), KEY.public_key()]
MAGIC_AND_MORE = 450
"""Magic, description and signature end before this."""
MACHINE = Machine("pc", "x86_64", "cpython-3.11", 5)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    program = tmp_path / "program"
    (program / "bin").mkdir(parents=True)
    (program / "bin/pi-cam").write_text("#!/bin/sh\necho 7\n")
    (program / "bin/pi-cam").chmod(0o755)
    (program / "lib").mkdir()
    (program / "lib/data").write_bytes(bytes(range(256)) * 40)
    (program / "lib64").symlink_to("lib")
    (program / "bin/data").symlink_to("../lib/data")
    path = tmp_path / "update.pi-cam"
    maker.pack(program, path, KEY, "0.2.0", 7, 3, ("pc", "x86_64", "cpython-3.11"))
    return path


def made(tmp_path: Path, fill: Callable[[tarfile.TarFile], None], unpacked: int = 1000) -> Path:
    """A package that is signed, with whatever members."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        fill(archive)
    payload = lzma.compress(plain.getvalue())
    manifest = Manifest("1", 9, 0, "any", "any", "any", len(payload), hashlib.sha256(payload).hexdigest(), unpacked)
    path = tmp_path / "hostile.pi-cam"
    path.write_bytes(maker.assemble(manifest.encoded(), KEY, payload))
    return path


def test_a_package_is_let_in_and_unpacked_as_it_was(package: Path, tmp_path: Path) -> None:
    with Package.open(package, TRUSTED) as update:
        update.admit(MACHINE)
        update.unpack(tmp_path / "new")
    new = tmp_path / "new"
    assert (new / "bin/pi-cam").stat().st_mode & 0o777 == 0o755
    assert (new / "lib/data").stat().st_mode & 0o777 == 0o644
    assert (new / "bin/data").read_bytes() == (new / "lib64/data").read_bytes() == bytes(range(256)) * 40
    assert sorted(path.relative_to(new) for path in new.rglob("*")) == sorted(
        path.relative_to(tmp_path / "program") for path in (tmp_path / "program").rglob("*")
    )


def test_the_same_files_give_the_same_package(package: Path, tmp_path: Path) -> None:
    os.utime(tmp_path / "program/lib/data", (1, 1))
    maker.pack(tmp_path / "program", tmp_path / "again", KEY, "0.2.0", 7, 3, ("pc", "x86_64", "cpython-3.11"))
    assert (tmp_path / "again").read_bytes() == package.read_bytes()


def test_what_a_camera_would_refuse_is_not_made(package: Path, tmp_path: Path) -> None:
    (tmp_path / "program/python").symlink_to("/usr/bin/python3")
    with pytest.raises(UpdateRefused, match="leads out"):
        maker.pack(tmp_path / "program", tmp_path / "out", KEY, "0.2.0", 7)
    assert not (tmp_path / "out").exists()


def test_every_truncation_is_told(package: Path, tmp_path: Path) -> None:
    whole, cut = package.read_bytes(), tmp_path / "cut"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(UpdateRefused, match="not complete"):
            Package.open(cut, TRUSTED)


def test_every_changed_byte_is_found(package: Path, tmp_path: Path) -> None:
    whole, changed = package.read_bytes(), tmp_path / "changed"
    for place in (*range(MAGIC_AND_MORE), *range(MAGIC_AND_MORE, len(whole), 7)):
        changed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(UpdateRefused):
            Package.open(changed, TRUSTED)
    changed.write_bytes(whole + b"x")
    with pytest.raises(UpdateRefused, match="damaged"):
        Package.open(changed, TRUSTED)


def test_another_key_and_no_key_are_refused(package: Path) -> None:
    with pytest.raises(UpdateRefused, match="not signed by a key"):
        Package.open(package, TRUSTED[:1])
    with pytest.raises(UpdateRefused, match="knows no key"):
        Package.open(package, [])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"release": 8}, "older"),
        ({"release": 7}, "runs already"),
        ({"release": 2}, "needs release 3 first"),
        ({"board": "raspberry-pi"}, "another machine"),
        ({"arch": "aarch64"}, "another machine"),
        ({"python": "cpython-3.13"}, "another machine"),
    ],
)
def test_what_is_not_for_this_machine_is_refused(package: Path, change: dict[str, object], sentence: str) -> None:
    machine = dataclasses.replace(MACHINE, **change)  # type: ignore[arg-type]  # one field each, of its type
    with Package.open(package, TRUSTED) as update, pytest.raises(UpdateRefused, match=sentence):
        update.admit(machine)


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def _file(name: str, data: bytes) -> Callable[[tarfile.TarFile], None]:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return lambda archive: archive.addfile(member, io.BytesIO(data))


def _device(archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("device")
    member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
    archive.addfile(member)


def _through_a_link(archive: tarfile.TarFile) -> None:
    archive.addfile(_link("away", "."))
    _file("away/file", b"x")(archive)


def _around_a_corner(archive: tarfile.TarFile) -> None:
    archive.addfile(_link("here", "."))
    archive.addfile(_link("out", "here/.."))


def _folder(archive: tarfile.TarFile, name: str) -> None:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    archive.addfile(member)


def _link_in_a_link(archive: tarfile.TarFile) -> None:
    for name in ("x", "x/y"):
        _folder(archive, name)
    archive.addfile(_link("x/y/away", "../.."))
    archive.addfile(_link("x/y/away/out", "../../../outside"))


def _twice(archive: tarfile.TarFile) -> None:
    _file("file", b"x")(archive)
    _file("file", b"y")(archive)


@pytest.mark.parametrize(
    "fill",
    [
        _file("/absolute/file", b"x"),
        _file("../outside", b"x"),
        _file("a/../../outside", b"x"),
        _file("no/folder", b"x"),
        _file("large", bytes(1001)),
        _device,
        _through_a_link,
        _around_a_corner,
        _link_in_a_link,
        _twice,
        lambda archive: archive.addfile(_link("out", "..")),
        lambda archive: archive.addfile(_link("out", "/etc/passwd")),
        lambda archive: archive.addfile(_link("hard", "/etc/passwd", tarfile.LNKTYPE)),
    ],
)
def test_hostile_files_are_refused_though_signed(tmp_path: Path, fill: Callable[[tarfile.TarFile], None]) -> None:
    path = made(tmp_path, fill)
    before = sorted(tmp_path.iterdir())
    with Package.open(path, TRUSTED) as update, pytest.raises(UpdateRefused):
        update.unpack(tmp_path / "new")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_there_is_left_alone(package: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/mine").touch()
    with Package.open(package, TRUSTED) as update, pytest.raises(UpdateRefused, match="cannot be put into"):
        update.unpack(tmp_path / "new")
    assert (tmp_path / "new/mine").exists()


def test_a_description_of_any_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(MAGIC + (MAX_BYTES + 1).to_bytes(4, "big") + bytes(MAX_BYTES + 100))
    with pytest.raises(UpdateRefused, match="not an update"):
        Package.open(path, TRUSTED)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: MAGIC + data)))
def test_no_bytes_break_the_reader(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(data)
    with pytest.raises(UpdateRefused):
        Package.open(path, TRUSTED)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
GOOD = Manifest("1", 9, 0, "any", "any", "any", 10, "0" * 64, 0)


@settings(max_examples=100)
@given(st.sampled_from([field.name for field in dataclasses.fields(Manifest)] + ["name", "more"]), JSON)
def test_no_value_breaks_the_description(name: str, value: object) -> None:
    content = {**json.loads(GOOD.encoded()), name: value}
    data = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    try:
        manifest = Manifest.parse(data)
    except UpdateRefused:
        return
    assert manifest.encoded() == data


def test_a_signed_payload_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    for payload in (b"x", lzma.compress(b"not a tar" * 100), lzma.compress(bytes(2048))[:-8]):
        digest = hashlib.sha256(payload).hexdigest()
        manifest = dataclasses.replace(GOOD, size=len(payload), sha256=digest)
        path = tmp_path / "none.pi-cam"
        path.write_bytes(maker.assemble(manifest.encoded(), KEY, payload))
        with Package.open(path, TRUSTED) as update, pytest.raises(UpdateRefused):
            update.unpack(tmp_path / "new")
        assert not (tmp_path / "new").exists()


def test_keys_are_made_and_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maker.main(["key", str(tmp_path / "release.key")]) == 0
    assert (tmp_path / "release.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/first.pem").write_text(capsys.readouterr().out)
    keys = trusted.load([tmp_path / "keys", tmp_path / "none"])
    program = tmp_path / "program"
    program.mkdir()
    (program / "file").write_text("x")
    words = ["pack", str(program), str(tmp_path / "out"), "--key", str(tmp_path / "release.key")]
    assert maker.main([*words, "--version", "1.0"]) == 1, "it does not know its own number"
    assert "Write the release's number into" in capsys.readouterr().err
    (program / "pi_cam/updates").mkdir(parents=True)
    (program / "pi_cam/updates/release").write_text("4\n")
    assert maker.main([*words, "--version", "1.0"]) == 0
    with Package.open(tmp_path / "out", keys) as update:
        assert (update.manifest.release, update.manifest.version) == (4, "1.0")
    assert maker.main(["key", str(tmp_path / "release.key")]) == 1  # never over another
    (tmp_path / "keys/second.pem").write_text("no key")
    with pytest.raises(PiCamError, match=r"second\.pem"):
        trusted.load([tmp_path / "keys"])
