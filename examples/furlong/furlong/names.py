"""Invented names for horses, jockeys, trainers and races."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST = _words(
    """
    Amber Arctic Autumn Bashful Blue Bold Brass Bright Calm Candle Cedar Clever Copper Coral
    Crimson Crystal Dancing Dapper Desert Distant Dusty Eager Early Ember Evening Fabled Faithful
    Fern Flint Foxglove Frosted Gallant Gentle Gilded Golden Granite Harbour Hazel Hidden Highland
    Indigo Iron Ivory Jade Jolly Juniper Lantern Laurel Linen Lively Lunar Marble Meadow Merry
    Midnight Misty Morning Mossy Noble Northern Oaken Opal Orchard Paper Pewter Plucky Quiet
    Rambling Ruby Rustic Saffron Scarlet Secret Silver Sleepy Solar Spring Starlit Stormy Sudden
    Summer Tidal Timber Topaz Velvet Violet Wandering Western Whistling Wild Willow Winter
    """
)
_SECOND = _words(
    """
    Accord Anthem Archer Arrow Ballad Banner Beacon Bell Bishop Bramble Bridge Brook Cadence
    Canter Castle Chapel Charm Comet Compass Corsair Courier Crown Dancer Dawn Dove Dream Duke
    Echo Falcon Fable Feather Ferry Fiddler Flame Folly Fountain Garden Glade Glen Harp Harvest
    Haven Heron Hymn Jester Jubilee Justice Kestrel Kingdom Knight Lagoon Lark Legend Lyric Magic
    Magpie Maiden Mariner Melody Minstrel Mirage Monarch Moon Oracle Otter Page Parade Patrol
    Pilgrim Piper Poet Promise Quest Ranger Reason Regent Rhyme River Rover Sailor Sentinel
    Serenade Shadow Signal Sonnet Sparrow Spirit Squire Story Tempest Thistle Thunder Treasure
    Troubadour Tune Verse Victory Voyage Wager Waltz Warrior Whisper Wish Wonder
    """
)
_SURNAMES = _words(
    """
    Abbot Aldous Amory Ansell Barlow Beckett Bellamy Birch Blythe Bostock Brennan Briggs Byrne
    Carrow Cassidy Chandler Colby Corrigan Cotter Crane Crosby Dacre Darrow Deegan Devlin Draycott
    Dunne Eames Eastwood Egan Ellery Fallon Farrow Fenn Flood Foyle Gadd Garrick Gilroy Gorse
    Greer Hale Halloran Harte Hollis Hume Ingram Ives Jessop Jolley Keane Kemble Kinsella Lacey
    Langley Larkin Lomax Loxley Mabey Madden Marlow Maskell Meara Merrick Molloy Nairn Nash Newby
    Nolan Norcott Oakes Odell Orme Osgood Paget Pascoe Penrose Pike Prior Quill Quirke Radley
    Rafferty Redfern Roche Rooke Royle Sadler Salter Savory Sexton Shore Skelton Slade Stroud
    Sumner Tarrant Tierney Tolland Tracey Trevor Tuohy Tyrrell Upton Vane Vickers Wadham Walsh
    Warrick Weldon Whelan Wilde Winter Wyatt Yates Yeo
    """
)
_FORENAMES = _words(
    """
    Ada Ben Cora Dan Edie Finn Grace Hugh Isla Jack Kate Luke Mia Ned Orla Pat Rose Sam Tess Will
    """
)
_FLOWERS = _words(
    """
    Bluebell Buttercup Campion Columbine Cornflower Cowslip Eglantine Foxtail Gentian Harebell
    Heather Honesty Lavender Marigold Meadowsweet Oxlip Periwinkle Primrose Samphire Speedwell
    Tansy Teasel Valerian Yarrow
    """
)


def horse_name(serial: int) -> str:
    """A name unique for each serial number (a numeral is added when the words run out)."""
    pairs = len(_FIRST) * len(_SECOND)
    # A stride coprime with the number of pairs spreads neighbouring serials over both lists.
    lap, index = divmod(serial, pairs)
    index = index * 2741 % pairs
    name = f"{_FIRST[index % len(_FIRST)]} {_SECOND[index // len(_FIRST)]}"
    return name if lap == 0 else f"{name} {'I' * (lap + 1) if lap < 3 else lap + 1}"


def jockey_name(index: int) -> str:
    """Jockeys go by initial and surname."""
    return f"{_FORENAMES[index * 7 % len(_FORENAMES)][0]}. {_SURNAMES[2 * index]}"


def trainer_name(index: int) -> str:
    """Trainers go by their full name."""
    return f"{_FORENAMES[index * 3 % len(_FORENAMES)]} {_SURNAMES[2 * index + 1]}"


def race_title(race_class: int, serial: int) -> str:
    """A title such as "The Cowslip Handicap"; class 1 races are stakes at level weights."""
    flower = _FLOWERS[serial * 7 % len(_FLOWERS)]
    return f"The {flower} {'Stakes' if race_class == 1 else 'Handicap'}"
