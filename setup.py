"""Packaging. `pip install -e .[dev]` for work on it; `make setup` does that and the rest."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "pi_cam/__init__.py").read_text("utf-8"))
assert VERSION is not None

setup(
    name="pi-cam",
    version=VERSION[1],
    description="A connected camera that a person owns: watch and talk, with nobody in between able to look",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "THIRD_PARTY_NOTICES.md"],
    python_requires=">=3.11",
    packages=find_packages(include=["pi_cam", "pi_cam.*", "web", "web.*"]),
    package_data={
        "pi_cam": ["py.typed", "remote/cloudflared.yml", "updates/keys/*", "updates/release"],
        "web": ["py.typed"],
        "web.passwords": ["common_words.txt"],
        "web.portal": ["templates/**/*", "static/**/*", "translations/**/*", "migrations/script.py.mako"],
        "web.ui": ["templates/**/*", "static/**/*", "player/**/*", "translations/**/*"],
    },
    entry_points={"console_scripts": ["pi-cam = pi_cam.cli:main"]},
    install_requires=[
        # One minor release at a time: transport/webrtc_seam.py reaches behind its public face and checks itself at start.
        "aiortc>=1.16,<1.17",
        "av>=14,<20",
        "apispec>=6.8",
        "babel>=2.16",
        "bcrypt>=4.2",
        "cryptography>=43",
        "dbus-fast>=2.24,<6",
        "flask>=3.1,<4",
        "flask-sock>=0.7,<0.8",
        # pi_cam/worker.py takes the place of parts of its threaded worker.
        "gunicorn>=27,<28",
        "ifaddr>=0.2",
        "marshmallow>=4,<5",
        "numpy>=1.26",
        "pyotp>=2.9",
        "pyjwt>=2.10,<3",
        # Opens what the page of the setup hotspot seals: the cipher of TweetNaCl is in no other library that is here.
        "pynacl>=1.5,<2",
        # Young: a new minor release may cancel less echo.
        "pywebrtc-audio>=0.2,<0.3",
        "segno>=1.6.6",
        # pi_cam/audio/devices.py lets it look for devices anew, for which it has no public name.
        "sounddevice>=0.5,<0.6",
        "webauthn>=3.0,<4",
    ],
    extras_require={
        # On Raspberry Pi OS picamera2 comes from apt and is never resolved by pip: see docs/architecture.md.
        "pi": ["picamera2>=0.3.32", "gpiozero>=2.0.1.post3"],
        "pins": ["gpiozero>=2.0.1.post3"],  # a button and a light
        "sound": ["sounddevice>=0.5"],  # what the doctor tells to install where it was lost
        # What the website needs beside the above; a camera needs none of it.
        "portal": [
            "alembic>=1.14",
            "email-validator>=2.3",
            "flask-limiter>=4,<5",
            "flask-login>=0.6.3,<0.7",
            # web/portal/app.py takes its pages away and keeps its workings.
            "flask-security>=5.9,<6",
            "flask-sqlalchemy>=3.1.1,<4",
            "flask-wtf>=1.2,<2",
            "itsdangerous>=2.2",
            "pymysql>=1.1.2",
            "sqlalchemy>=2.0.41,<3",
        ],
        "dev": [
            "aiosmtpd>=1.4.6",
            "gpiozero>=2.0.1.post3",
            "hypothesis>=6.100",
            "import-linter>=2.1",
            "jsonschema>=4",
            "mypy>=1.14",
            "playwright>=1.49",
            "prometheus-client>=0.21",
            "pytest>=8.3",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "pyyaml>=6",
            "ruff>=0.9",
            "schemathesis>=4",
            "types-PyMySQL",
            "types-setuptools",
            "types-simple-websocket",
        ],
    },
    classifiers=[
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
)
