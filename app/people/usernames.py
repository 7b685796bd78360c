"""User names of students: they are half of a sign-in, so they are drawn by lot and tell nothing of the child."""

import secrets
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Unavailable

MOODS, THINGS = map(
    str.split,
    (
        "Able Airy Bold Brave Breezy Bright Brisk Bubbly Busy Calm Cheery Clever Cosmic Cosy Curious Daring Dapper "
        "Eager Early Fancy Fleet Fluffy Fresh Friendly Frosty Gentle Giant Glad Golden Grand Happy Hardy Humble Jolly "
        "Keen Kind Lively Lucky Lunar Magic Mellow Merry Mighty Misty Neat Nimble Noble Perky Plucky Polite Proud "
        "Quick Ready Royal Rapid Silver Snowy Solar Sparky Speedy Spry Starry Steady Sunny Super Swift Tidy Tiny "
        "Upbeat Velvet Vivid Warm Wavy Wise Witty Zany Zesty",
        "Acorn Badger Bear Beetle Bilby Bison Canoe Castle Cedar Comet Compass Condor Coral Crane Daisy Dingo Dolphin "
        "Dragon Drum Eagle Echidna Emu Falcon Fern Ferry Finch Forest Fox Galah Gecko Glider Goose Harbour Heron Hill "
        "Island Jaguar Kestrel Kettle Kite Kiwi Koala Lake Lantern Lemur Lion Lizard Lynx Magpie Maple Meadow Mole "
        "Moose Mountain Newt Numbat Oak Ocean Orca Otter Owl Panda Parrot Pebble Penguin Piano Planet Possum Quoll "
        "Rabbit Raven Reef River Robin Rocket Seal Shark Sparrow Squid Star Stork Swan Tiger Tower Tram Trumpet Turtle "
        "Valley Violin Wagon Walrus Wattle Whale Willow Wolf Wombat Yak Zebra",
    ),
)
DRAWN_AT_ONCE = 20
FREE = text(
    """SELECT name FROM unnest(CAST(:drawn AS text[])) AS name
       WHERE NOT EXISTS (SELECT FROM students WHERE school_id = :school_id AND lower(username) = lower(name)) LIMIT 1"""
)


def _drawn() -> str:
    return f"{secrets.choice(MOODS)}{secrets.choice(THINGS)}{10 + secrets.randbelow(990)}"


async def unused_username(session: AsyncSession, school_id: UUID) -> str:
    """A user name that no student of the school has at this moment; uniqueness is the table's to keep."""
    drawn = [_drawn() for _ in range(DRAWN_AT_ONCE)]
    found: str | None = await session.scalar(FREE, {"drawn": drawn, "school_id": school_id})
    if found is None:
        raise Unavailable
    return found
