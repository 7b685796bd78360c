"""The tables of the local labeller. Data alone: each line has its test.

A line's words are sought in what is told of a book's subjects (genres, keywords), its title and its summaries, folded
to lower case without accents; `*` at the end stands for any ending. The lines were written from the vocabulary of
BISAC's juvenile headings, from Thema's and from one half of a list of labelled children's books; the other half judges
them (`bench/labelling.py`).
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.labels.models import RecommendStatus
from app.labels.vocabulary import CharacterKey as Who
from app.labels.vocabulary import GenreKey as Genre
from app.labels.vocabulary import HueKey as Hue
from app.labels.vocabulary import ReadingAbilityKey as Ability
from app.labels.vocabulary import StyleKey as Style

DARK, WHIMSICAL, SAD = Hue.HUE01_DARK_SUSPENSE, Hue.HUE02_BEAUTIFUL_WHIMSICAL, Hue.HUE03_DARK_BEAUTIFUL
JOYFUL, COMIC, GRITTY = Hue.HUE04_JOYFUL_CHARMING, Hue.HUE05_FUNNY_COMIC, Hue.HUE06_DARK_GRITTY
SILLY, BRAVE, PLAYFUL = Hue.HUE07_SILLY_CHARMING, Hue.HUE08_CHARMING_COURAGEOUS, Hue.HUE09_CHARMING_PLAYFUL
INSPIRING, HOPE, QUIRKY = Hue.HUE10_INSPIRING, Hue.HUE11_REALISTIC_HOPE, Hue.HUE12_FUNNY_QUIRKY
INFORMATIVE = Hue.HUE13_INFORMATIVE


class HueRule(NamedTuple):
    """What words say of the mood: how much they speak for each hue."""

    words: str
    hues: Mapping[Hue, float]


HUES = (
    HueRule("friendship, friends", {WHIMSICAL: 0.5, BRAVE: 0.5, JOYFUL: 0.5, HOPE: 0.2}),
    HueRule("family*, sibling*, brother*, sister*, grandparent*, home, homes", {JOYFUL: 1, HOPE: 0.7}),
    HueRule("adventure*, quest, quests, journey*, voyage*, explor*", {BRAVE: 1.2, WHIMSICAL: 1}),
    HueRule("imagination, imaginary, dream, dreams, wonder, creativity, art", {WHIMSICAL: 2, PLAYFUL: 0.6}),
    HueRule("magic, magical, fantasy, fairies, fairy tale*, enchanted, wizard*", {WHIMSICAL: 1.4, BRAVE: 0.6}),
    HueRule("nature, garden*, seasons, weather, moon, stars, bedtime, sleep", {WHIMSICAL: 1}),
    HueRule("poetry, poems, rhyme*, stories in verse", {WHIMSICAL: 0.7, PLAYFUL: 0.8}),
    HueRule("courage, bravery, brave, heroism, hero, heroes, rescue, loyalty", {BRAVE: 2}),
    HueRule("good vs evil, good vs. evil, destiny, prophec*, battle*, teamwork", {BRAVE: 2}),
    HueRule("danger*, survival", {BRAVE: 1, GRITTY: 1}),
    HueRule("love, kindness, generosity, sharing, gratitude, community, celebration, holidays", {JOYFUL: 1.6}),
    HueRule("christmas, tradition*, birthday*", {JOYFUL: 1.4}),
    HueRule("humor*, humour*, funny, jokes, comedy, embarrassment", {COMIC: 3}),
    HueRule("wacky, eccentric*, clever*, trickery", {QUIRKY: 1.5}),
    HueRule("mischie*, pranks", {PLAYFUL: 2.4, SILLY: 1}),
    HueRule("silliness, silly, nonsense, underpants, bum, poo", {SILLY: 2.5}),
    HueRule("playfulness, play, fun, games, counting, persistence", {PLAYFUL: 1.6}),
    HueRule("curiosity", {PLAYFUL: 1, QUIRKY: 0.5}),
    HueRule("mystery, mysteries, detective*, secrets, suspense, thriller*, clues", {DARK: 2.2}),
    HueRule("horror, ghost*, haunted, supernatural, paranormal, scary, vampire*", {DARK: 2}),
    HueRule("crime, murder*", {DARK: 1.2, GRITTY: 1}),
    HueRule("war, violence, dystopia*, abuse, drugs, betrayal, holocaust", {GRITTY: 2}),
    HueRule("loss, grief, death, dying, sacrifice", {SAD: 1.4, HOPE: 1.4}),
    HueRule("sorrow, melanchol*, mortality, morality", {SAD: 2}),
    HueRule("identity, growing up, coming of age, puberty, adolescen*, belonging", {HOPE: 1.6}),
    HueRule("empathy, acceptance, prejudice, racism, bullying, immigra*, poverty, change", {HOPE: 1.8}),
    HueRule("loneliness, isolation, divorce, emotions, feelings, forgiveness, hope", {HOPE: 1.4}),
    HueRule("perseverance, determination, resilience, self-acceptance, self-esteem, individuality", {INSPIRING: 1.8}),
    HueRule("inspir*, leadership, achievement, ambition, justice, civil rights", {INSPIRING: 2}),
    HueRule("science, history, nonfiction, non-fiction, facts, technology, how things work", {INFORMATIVE: 2}),
    HueRule("encyclop*, reference, geography, mathematics, education*", {INFORMATIVE: 2.5}),
    HueRule("alphabet, opposites, vocabulary, concepts", {INFORMATIVE: 1, PLAYFUL: 1}),
    HueRule("biography, biographical, autobiography", {INSPIRING: 1.5, INFORMATIVE: 1.5}),
    HueRule("animals, pets", {WHIMSICAL: 0.5, JOYFUL: 0.4, INFORMATIVE: 0.3}),
)
PRIOR: Mapping[Hue, float] = {WHIMSICAL: 0.24, BRAVE: 0.17, JOYFUL: 0.13, PLAYFUL: 0.12, HOPE: 0.11, COMIC: 0.06}
"""What moods children's books have, before anything is known of one."""


class AgeRule(NamedTuple):
    """What words say of the reader: the age in the middle, and how much that counts."""

    words: str
    age: float
    counts: float


AGES = (
    AgeRule("board book*, baby, babies, toddler*, lift-the-flap, touch and feel", 2, 6),
    AgeRule("picture book*, picture storybook*, preschool*", 4.5, 6),
    AgeRule("kindergarten, early learning, nursery rhyme*", 4, 3),
    AgeRule("beginner reader*, beginning reader*, early reader*, readers, learn to read", 6.5, 5),
    AgeRule("chapter book*", 7.5, 4),
    AgeRule("middle grade, middle-grade, middle school", 10.5, 5),
    AgeRule("young adult, teen, teens, teenage*, ya fiction", 14.5, 6),
    AgeRule("alphabet, counting, numbers, colors, colours, shapes, opposites, sounds, animal sounds", 3.7, 3),
    AgeRule("bedtime, sleep, nighttime, routine, lullab*", 3.8, 3),
    AgeRule("rhyme, rhymes, rhyming, rhyming words, repetition, rhythm", 4.3, 2),
    AgeRule("sharing, cooperation, persistence, determination, helping others, manners, surprise", 4.4, 1.6),
    AgeRule("creativity, problem-solving, problem solving, exploration, learning, responsibility", 5, 1.4),
    AgeRule("imagination, playfulness, mischievousness, curiosity, individuality, celebration", 5.3, 1.4),
    AgeRule("animals, farm animals, dinosaurs, bear*, bunny, duck*, pigeon, elephant*, pig", 4.5, 1.6),
    AgeRule("food, transformation, weather, seasons, colours, parent-child relationship", 4.5, 1.2),
    AgeRule("trains, trucks, tractor*, construction vehicles", 4, 2),
    AgeRule("mouse, puppy, kitten, llama, monkey*, caterpillar", 4.8, 1),
    AgeRule("consequences, perspective, appreciation, self-acceptance, tradition*, journey", 5.5, 1),
    AgeRule("school, teacher*, community, kindness, perseverance", 6.4, 0.7),
    AgeRule("friendship, family*, acceptance, teamwork, nature, humor, humour, fear", 7.1, 0.4),
    AgeRule("adventure*, magic, discovery, self-discovery", 8.3, 0.6),
    AgeRule("pony, ponies, fairies, princess*, pirates", 6.5, 0.8),
    AgeRule("diary, wimpy, treehouse", 9, 1),
    AgeRule("identity, growing up, empathy, destiny, courage, bravery, resilience", 8.9, 0.9),
    AgeRule("mystery, mysteries, detective*, secrets", 9.4, 1.4),
    AgeRule("loyalty, good vs evil, good vs. evil, prophec*, chronicles, time travel", 10, 1.8),
    AgeRule("loss, grief, death, hope, sacrifice, betrayal, war, survival", 10.6, 1.8),
    AgeRule("danger, adversity, prejudice, racism, slavery, justice, power", 10.4, 1.6),
    AgeRule("coming of age, coming-of-age, puberty, rebellion, inheritance", 11, 2.2),
    AgeRule("mythology, kingdom*, dragons, historical fiction, science fiction", 9.8, 1),
    AgeRule("dystopia*, romance, dating, suicide, drugs, violence, holocaust", 13.5, 2.5),
)
PAGES = ((20, 3.0, 1.5), (40, 5.2, 2.5), (64, 6.2, 2.0), (112, 7.6, 2.0), (180, 9.3, 2.0), (280, 10.8, 2.0))
"""Up to so many pages: the age in the middle, and how much that counts."""
LONGER = (12.2, 2.0)
SERIES = (8.8, 1.2)
"""What it says that a book is one of a series."""
EASY, HARD = (5.5, 0.8), (10.5, 0.8)
"""What it says that the words of a summary are short, or long."""
SHORT_WORDS, LONG_WORDS = 4.1, 4.9
"""Letters in a summary's words, on average: at most the first is easy, at least the second hard."""
BANDS = (
    (2.6, (0, 3)),
    (5.6, (3, 6)),
    (7.4, (5, 8)),
    (8.7, (7, 10)),
    (11.5, (8, 12)),
    (13.5, (11, 14)),
    (99.0, (13, 17)),
)
"""Up to such an age in the middle: the ages that are said."""
ABILITIES: tuple[tuple[int, tuple[Ability, ...]], ...] = (
    (3, (Ability.SPOT,)),
    (4, (Ability.SPOT, Ability.CAT_HAT)),
    (6, (Ability.CAT_HAT, Ability.TREEHOUSE)),
    (8, (Ability.TREEHOUSE,)),
    (10, (Ability.TREEHOUSE, Ability.CHARLIE_CHOCOLATE)),
    (12, (Ability.CHARLIE_CHOCOLATE, Ability.HARRY_POTTER)),
    (99, (Ability.HARRY_POTTER,)),
)
"""Up to such an age in the middle of those said: who can read it."""

GENRES: Mapping[Genre, str] = {
    Genre.FACTUAL_NON_FICTION: "nonfiction, non-fiction, juvenile nonfiction, facts, encyclop*, geography",
    Genre.FUNNY: "humor*, humour*, funny, jokes, comedy",
    Genre.ROMANCE: "romance, romantic, love stories",
    Genre.SCIENCE: "science, nature, astronomy, biology, physics, chemistry",
    Genre.SCIFI: "science fiction, sci-fi, space opera, time travel",
    Genre.CLASSIC_FICTION: "classic, classics, classic fiction",
    Genre.HISTORICAL: "historical, historical fiction, history",
    Genre.FANTASY: "fantasy, magic, wizard*, dragons, prophec*",
    Genre.FAIRYTALES: "fairy tale*, folklore, folk tale*, myths, mythology, legends",
    Genre.HORROR_SPOOKY: "horror, ghost*, haunted, scary, spooky, vampire*",
    Genre.MYSTERY_SUSPENSE: "mystery, mysteries, detective*, suspense, thriller*",
    Genre.ADVENTURE_AND_ACTION: "adventure*, action, quest, survival",
    Genre.CRIME: "crime, murder*, police",
    Genre.RHYMES_POETRY: "poetry, poems, rhyme*, rhyming, stories in verse, nursery rhyme*",
    Genre.BIOGRAPHICAL: "biography, biographical, autobiography, memoir*",
    Genre.GRAPHIC_NOVELS: "graphic novel*, comic*, manga",
    Genre.WAR: "war, wars, holocaust, soldiers",
    Genre.DYSTOPIAN: "dystopia*",
    Genre.AUSTRALIAN: "australia*",
    Genre.AMERICAN: "united states, america, american",
    Genre.BRITISH: "britain, british, england, london",
    Genre.INDIGENOUS: "indigenous, aborigin*, first nations, native american*, dreamtime",
    Genre.SPORTS: "sport*, football, soccer, cricket, basketball, baseball, netball, swimming",
    Genre.PICTURE_BOOK: "picture book*, picture storybook*, board book*",
    Genre.YOUNG_ADULT: "young adult, ya fiction, teen, teens, teenage*",
    Genre.LGBTQ: "lgbt*, gay, lesbian, transgender",
}
CHARACTERS: Mapping[Who, str] = {
    Who.BUGS: "bugs, insect*, caterpillar*, butterfl*, beetle*, spider*, ant, ants, bee, bees",
    Who.CATS_DOGS_AND_MICE: "cat, cats, dog, dogs, mouse, mice, kitten*, puppy, puppies",
    Who.HORSES_AND_FARM_ANIMALS: "horse*, pony, ponies, farm animals, cow, cows, pig, pigs, sheep, duck*, hen, hens",
    Who.OCEAN_CREATURES: "ocean*, fish, whale*, shark*, dolphin*, octopus, turtle*",
    Who.WOLVES_AND_WILD_ANIMALS: "wolf, wolves, lion*, tiger*, bear, bears, elephant*, monkey*, wild animals",
    Who.AUSTRALIAN_ANIMALS: "kangaroo*, koala*, wombat*, platypus, possum*, echidna*",
    Who.BRITISH_ANIMALS: "badger*, hedgehog*, mole, otter*",
    Who.AMERICAN_ANIMALS: "raccoon*, moose, bison, skunk*",
    Who.DINOSAURS: "dinosaur*",
    Who.PRINCESSES_FAIRIES_MERMAIDS: "princess*, fairy, fairies, mermaid*",
    Who.UNICORNS: "unicorn*",
    Who.SUPERHEROES: "superhero*",
    Who.FAMILIES_AND_FRIENDS: "family*, friendship, friends, sibling*, brothers, sisters, grandparent*",
    Who.MONSTERS_GHOSTS_AND_VAMPIRES: "monster*, ghost*, vampire*, zombie*",
    Who.ALIENS: "alien, aliens, extraterrestrial*",
    Who.TRAINS_CARS_AND_TRUCKS: "train, trains, car, cars, truck*, tractor*, vehicles",
    Who.MISFITS_AND_UNDERDOGS: "misfit*, underdog*, outsider*, individuality, bullying",
    Who.PIRATES: "pirate*",
    Who.ROBOTS: "robot*",
    Who.ATHLETES_AND_SPORT_STARS: "athlete*, football*, soccer, cricketer*, olympi*",
    Who.WITCHES_WIZARDS_MAGIC: "witch*, wizard*, magic, magical",
}
STYLES: Mapping[Hue, tuple[Style, ...]] = {
    DARK: (Style.DARK, Style.SUSPENSEFUL),
    WHIMSICAL: (Style.BEAUTIFUL, Style.WHIMSICAL),
    SAD: (Style.DARK, Style.BEAUTIFUL),
    JOYFUL: (Style.LIGHT, Style.CHARMING),
    COMIC: (Style.FUNNY,),
    GRITTY: (Style.DARK, Style.GRIM),
    SILLY: (Style.SILLY, Style.CHARMING),
    BRAVE: (Style.CHARMING, Style.ACTION_PACKED),
    PLAYFUL: (Style.CHARMING, Style.PLAYFUL),
    INSPIRING: (Style.INSPIRING,),
    HOPE: (Style.REALISTIC, Style.SERIOUS),
    QUIRKY: (Style.FUNNY, Style.QUIRKY),
    INFORMATIVE: (Style.INFORMATIVE,),
}
"""How a book of that mood is written."""
STATUSES: Mapping[RecommendStatus, str] = {
    RecommendStatus.BAD_REFERENCE: "dictionar*, thesaurus, atlas, workbook*, textbook*, study guide*, reference",
}
"""Books that are not for recommending. Whether a book is controversial is not for rules to say."""
NO_SUMMARIES = ("synopsis coming soon", "no description available")
"""Texts that stand where a summary is still to be written."""
SUMMARY_LENGTH = 250
