"""Tables, and the connection described by ``DATABASE_URL``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    Engine,
    ForeignKey,
    UniqueConstraint,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

BUSY_TIMEOUT_S = 30
#: Key of the PostgreSQL advisory lock that serialises table creation and seeding.
WRITER_LOCK = 0x6675726C


class Base(DeclarativeBase):
    """Declarative base."""


class Race(Base):
    """A race; ``results`` is empty until it has been run."""

    __tablename__ = "races"
    __table_args__ = (UniqueConstraint("day", "course", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(index=True)
    course: Mapped[str]
    number: Mapped[int]
    off_time: Mapped[str]
    title: Mapped[str]
    distance_m: Mapped[int]
    going: Mapped[str]
    race_class: Mapped[int]
    finished: Mapped[bool] = mapped_column(default=False, index=True)
    runners: Mapped[list[Runner]] = relationship(
        back_populates="race", order_by="Runner.number", cascade="all, delete-orphan"
    )
    prediction: Mapped[Prediction | None] = relationship(back_populates="race")


class Runner(Base):
    """A horse in a race, as printed on the card."""

    __tablename__ = "runners"
    __table_args__ = (UniqueConstraint("race_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    race_id: Mapped[int] = mapped_column(ForeignKey("races.id"), index=True)
    number: Mapped[int]
    name: Mapped[str]
    age: Mapped[int]
    weight_kg: Mapped[float]
    draw: Mapped[int]
    jockey: Mapped[str]
    trainer: Mapped[str]
    rating: Mapped[int]
    days_since_run: Mapped[int | None]
    runs: Mapped[list[Any]] = mapped_column(JSON)  # rows of cards.RUN_FIELDS, latest first
    odds: Mapped[float]
    market_prob: Mapped[float]  # implied by the odds, margin removed
    race: Mapped[Race] = relationship(back_populates="runners")
    result: Mapped[Result | None] = relationship(back_populates="runner")


class Result(Base):
    """Where a runner finished."""

    __tablename__ = "results"

    runner_id: Mapped[int] = mapped_column(ForeignKey("runners.id"), primary_key=True)
    position: Mapped[int]
    beaten_lengths: Mapped[float]
    runner: Mapped[Runner] = relationship(back_populates="result")


class Prediction(Base):
    """A forecast of one race: of a stored card, or (without a race) of a posted one."""

    __tablename__ = "predictions"

    id: Mapped[int] = mapped_column(primary_key=True)
    race_id: Mapped[int | None] = mapped_column(ForeignKey("races.id"), unique=True)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    model_version: Mapped[str]
    places: Mapped[int]
    card: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # what was posted, if anything
    race: Mapped[Race | None] = relationship(back_populates="prediction")
    forecasts: Mapped[list[Forecast]] = relationship(
        order_by="Forecast.number", cascade="all, delete-orphan"
    )


class Forecast(Base):
    """The probabilities of one runner within a prediction."""

    __tablename__ = "forecasts"

    prediction_id: Mapped[int] = mapped_column(ForeignKey("predictions.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    runner_id: Mapped[int | None] = mapped_column(ForeignKey("runners.id"), index=True)
    name: Mapped[str]
    win: Mapped[float]
    place: Mapped[float]
    pick: Mapped[int]  # 1 for the likeliest winner


def database_url(data_dir: Path) -> str:
    """``DATABASE_URL`` with the driver spelled out, or a SQLite file in ``data_dir``."""
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        return f"sqlite:///{data_dir / 'furlong.sqlite3'}"
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def connect(url: str) -> Engine:
    """An engine for SQLite (WAL, busy timeout, foreign keys) or PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, pool_size=5, max_overflow=5)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        # Not every build of SQLite has the mathematical functions.
        connection.create_function("ln", 1, math.log, deterministic=True)

    return engine


@contextmanager
def writer(engine: Engine) -> Iterator[Session]:
    """A transaction that only one process at a time can be in, committed at the end.

    SQLite takes its write lock at once instead of at the first write; PostgreSQL takes an
    advisory lock that the end of the transaction releases.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Python's sqlite3 opens transactions only before writes: begin explicitly.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        with Session(bind=connection) as session:
            yield session
            session.flush()
        connection.commit()


def is_alive(engine: Engine) -> bool:
    """Whether the database answers a trivial query (any failure is the caller's to log)."""
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT 1")).scalar() == 1)
