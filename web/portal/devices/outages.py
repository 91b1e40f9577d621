"""Devices and cameras that went away, and came back: one mail each time, and none while they come and go.

The portal has no thread of its own. `look` runs after the answer to some request, once a minute at most, and from
`python -m web.portal.chores`, which an operator has cron run each minute: where nobody comes by, nobody would be missed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ForeignKey, String, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from web.portal.accounts import letters
from web.portal.accounts.models import User
from web.portal.database import TABLE, Base, Moment, apart, db
from web.portal.devices.models import Camera, Device
from web.portal.errors import MailRefused, MailUnavailable
from web.portal.mail import Line
from web.portal.services import services

AWAY = timedelta(minutes=5)
BACK = timedelta(minutes=2)
"""So long something must be gone, or there again, before anybody is told."""

ONCE_IN = timedelta(hours=1)
"""Of one device or camera, at most one mail that it is gone in this time."""

HEARD_OF = timedelta(seconds=90)
"""Devices say twice a minute that they are there; one word may be lost."""

EVERY = timedelta(seconds=50)
UNWATCHED = timedelta(minutes=3)
"""After a pause of ours that long nobody is missed before all had time to come again."""

COME_AGAIN = timedelta(minutes=6)
"""Devices that found us gone try again after five minutes at the latest."""

TELLING = timedelta(minutes=5)
"""So long somebody may take who hands in a mail, before another one does it: a mail server may be slow."""

UNREACHABLE = "unreachable"
WATCH = "outages"

log = logging.getLogger(__name__)


class Outage(Base):
    """A device (`camera` is empty) or camera that is away. `since`: when it was last there. `told_at`: when its owner was
    last told. `back_at`: since when it is there again. `ended_at`: the owner was told of that, too, or need not be; the row
    stays for an hour, so that none is told of the next one too soon. `telling_at`: since when somebody hands in the mail
    that tells of it."""

    __tablename__ = "outages"
    __table_args__ = TABLE

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    camera: Mapped[str] = mapped_column(String(32), primary_key=True)
    since: Mapped[datetime] = mapped_column(Moment)
    told_at: Mapped[datetime | None] = mapped_column(Moment)
    back_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    telling_at: Mapped[datetime | None] = mapped_column(Moment)

    @property
    def is_told(self) -> bool:
        """Whether the owner knows of this one."""
        return self.told_at is not None and self.told_at >= self.since

    def is_being_told(self, now: datetime) -> bool:
        """Whether a mail is under way to them."""
        return self.telling_at is not None and now - self.telling_at < TELLING


class Watch(Base):
    """When somebody last looked, and since when without a pause."""

    __tablename__ = "watches"
    __table_args__ = TABLE

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    since: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)


def heard(device: Device, cameras: Sequence[dict[str, object]]) -> None:
    """The device said that it is there, and how its cameras are. The view commits."""
    now = services().clock()
    lost = {str(camera["id"]) for camera in cameras if camera["state"] == UNREACHABLE}
    known = {one.camera: one for one in db.session.scalars(select(Outage).where(Outage.device_id == device.id))}
    for camera, outage in known.items():
        if camera not in lost and outage.ended_at is None:
            outage.back_at = outage.back_at or now
            outage.ended_at = None if outage.is_told or outage.is_being_told(now) else now
    for camera in lost:
        _missed(known.get(camera), device.id, camera, now)


def look() -> int:
    """Tells owners what is to be told; how many mails that were. Does nothing when it was done a moment ago. Raises what the
    database raises."""
    now = services().clock()
    if not _is_due(now):
        return 0
    _find_silent(now)
    db.session.execute(delete(Outage).where(Outage.ended_at < now - ONCE_IN))
    db.session.commit()
    outages = _to_tell(now)
    if not outages:
        return 0
    try:
        line = services().post.open()
    except MailUnavailable:  # is in the log; the next time
        return 0
    try:
        return sum(_tell(user, theirs, line, now) for user, theirs in _by_owner(outages))
    finally:
        line.close()


def _is_due(now: datetime) -> bool:
    with apart() as connection:
        row = connection.execute(
            select(Watch.since, Watch.last_at).where(Watch.name == WATCH).with_for_update()
        ).first()
        if row is not None:
            if now - row.last_at < EVERY:
                return False
            since = row.since if now - row.last_at <= UNWATCHED else now
            connection.execute(update(Watch).where(Watch.name == WATCH).values(since=since, last_at=now))
            return True
    try:
        with apart() as connection:
            connection.execute(insert(Watch).values(name=WATCH, since=now, last_at=now))
    except IntegrityError:  # another worker
        return False
    return True


def _find_silent(now: datetime) -> None:
    """Whom nobody heard of for too long, although somebody listened."""
    watch = db.session.get(Watch, WATCH, populate_existing=True)
    if watch is None or now - watch.since < COME_AGAIN:
        return
    silent = db.session.execute(
        select(Device.id, Device.seen_at, Outage)
        .outerjoin(Outage, and_(Outage.device_id == Device.id, Outage.camera == ""))
        .where(
            Device.seen_at < now - AWAY,
            or_(Outage.device_id.is_(None), Outage.ended_at.is_not(None), Outage.back_at.is_not(None)),
        )
    ).all()
    for device, seen_at, outage in silent:
        _missed(outage, device, "", seen_at or now)
    db.session.flush()


def _missed(outage: Outage | None, device: str, camera: str, since: datetime) -> None:
    if outage is None:
        db.session.add(Outage(device_id=device, camera=camera, since=since))
    elif outage.ended_at is not None:
        outage.since, outage.back_at, outage.ended_at = since, None, None
    else:  # it came and went: still the same one
        outage.back_at = None


def _to_tell(now: datetime) -> list[Outage]:
    news = or_(Outage.told_at.is_(None), Outage.told_at < Outage.since, Outage.back_at.is_not(None))
    found = db.session.execute(
        select(Outage, Device.seen_at)
        .join(Device, Device.id == Outage.device_id)
        .where(Outage.ended_at.is_(None), news)
    )
    return [one for one, seen_at in found if seen_at and (_is_gone(one, seen_at, now) or _is_back(one, seen_at))]


def _is_gone(outage: Outage, seen_at: datetime, now: datetime) -> bool:
    """A camera of a device that is silent is not told of apart."""
    if outage.camera and now - seen_at > HEARD_OF:
        return False
    long_ago = outage.told_at is None or now - outage.told_at >= ONCE_IN
    return outage.back_at is None and not outage.is_told and now - outage.since >= AWAY and long_ago


def _is_back(outage: Outage, seen_at: datetime) -> bool:
    return outage.back_at is not None and outage.is_told and seen_at - outage.back_at >= BACK


def _by_owner(outages: list[Outage]) -> list[tuple[User, list[Outage]]]:
    owners = db.session.execute(
        select(Device.id, User)
        .join(User, Device.owner_id == User.id)
        .where(Device.id.in_({one.device_id for one in outages}))
    ).all()
    found: dict[int, tuple[User, list[Outage]]] = {}
    for device, user in owners:
        theirs = [one for one in outages if one.device_id == device]
        found.setdefault(user.id, (user, []))[1].extend(theirs)
    return list(found.values())


def _tell(user: User, outages: list[Outage], line: Line, now: datetime) -> int:
    """One mail for all of it; how many were taken. It counts as told once that was so: else it is told at the next look."""
    outages = [one for one in outages if _claimed(one, now)]
    gone, back = ([one for one in outages if (one.back_at is None) is is_gone] for is_gone in (True, False))
    db.session.commit()  # so that others see it; nothing is held while a mail server takes its time
    is_wanted = bool(outages) and user.mail_outages and user.active
    try:
        if is_wanted:
            names = {"gone": list(map(_name, gone)), "back": list(map(_name, back))}
            line.send(letters.compose("outages.txt", user.language, user.email, **names))
    except MailRefused:  # and would be each minute from now on
        is_wanted = False
    except MailUnavailable:  # is in the log
        _note(outages, now, telling_at=None)
        return 0
    _note(
        gone, now, told_at=now, ended_at=None, telling_at=None
    )  # not ended, though it came back meanwhile: that is told
    _note(back, now, ended_at=now, telling_at=None)
    return int(is_wanted)


def _claimed(outage: Outage, now: datetime) -> bool:
    """Whether it is ours to tell: of two who look at the same moment it is for one."""
    same = Outage.told_at.is_(None) if outage.told_at is None else Outage.told_at == outage.told_at
    is_free = or_(Outage.telling_at.is_(None), Outage.telling_at <= now - TELLING)
    done = db.session.execute(
        update(Outage).where(*_key(outage), same, Outage.ended_at.is_(None), is_free).values(telling_at=now)
    )
    return bool(getattr(done, "rowcount", 0))


def _note(outages: list[Outage], now: datetime, **values: datetime | None) -> None:
    """Of those that are still ours. Commits."""
    for outage in outages:
        db.session.execute(update(Outage).where(*_key(outage), Outage.telling_at == now).values(values))
    db.session.commit()


def _key(outage: Outage) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Outage.device_id == outage.device_id, Outage.camera == outage.camera


def _name(outage: Outage) -> str:
    device = db.session.scalars(select(Device.name).where(Device.id == outage.device_id)).one()
    if not outage.camera:
        return device
    camera = db.session.get(Camera, (outage.device_id, outage.camera))
    return f"{device}: {camera.name if camera else outage.camera}"
