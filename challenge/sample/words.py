"""The words that titles are made of, and which music each stands for.

Genres, moods and seasons are ordinary words; artists, albums and tracks get invented names (see ``names``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

DECADES: Final = ("60s", "70s", "80s", "90s", "00s", "10s")


class Genre(NamedTuple):
    """A genre: its share of all rows, how loud it is (0 to 1), the decades it is from and its scenes."""

    name: str
    share: float
    energy: float
    decades: tuple[float, ...]
    scenes: tuple[str, ...]


_OLD: Final = (3.0, 3.0, 2.0, 1.0, 0.7, 0.6)
_CLASSIC: Final = (1.0, 3.0, 3.0, 2.0, 1.0, 0.6)
_NINETIES: Final = (0.1, 0.3, 1.0, 3.0, 3.0, 2.5)
_RECENT: Final = (0.02, 0.05, 0.1, 0.4, 1.5, 6.0)
_EVEN: Final = (0.6, 0.8, 1.0, 1.2, 1.5, 3.0)

GENRES: Final = (
    Genre("rap", 19, 0.75, _RECENT,
          ("trap", "drill", "boom bap", "southern rap", "west coast", "cloud rap", "conscious")),
    Genre("pop", 15, 0.70, _RECENT,
          ("dance pop", "teen pop", "electropop", "power pop", "bubblegum", "art pop")),
    Genre("country", 10, 0.55, _NINETIES,
          ("country pop", "outlaw", "bro country", "red dirt", "honky tonk", "bluegrass")),
    Genre("rock", 12, 0.70, _CLASSIC,
          ("classic rock", "grunge", "soft rock", "hard rock", "garage rock", "southern rock", "surf")),
    Genre("indie", 9, 0.45, _RECENT,
          ("indie pop", "indie folk", "bedroom pop", "indie rock", "dream pop", "shoegaze", "lo-fi")),
    Genre("edm", 7, 0.92, _RECENT,
          ("house", "dubstep", "trance", "techno", "tropical house", "drum and bass", "hardstyle")),
    Genre("r&b", 6, 0.45, _NINETIES,
          ("neo soul", "slow jams", "new jack swing", "alt r&b", "quiet storm")),
    Genre("alternative", 5, 0.68, _NINETIES,
          ("alt rock", "emo", "post punk", "britpop", "new wave")),
    Genre("latin", 4, 0.75, _RECENT,
          ("reggaeton", "bachata", "salsa", "cumbia", "banda", "corridos", "latin pop")),
    Genre("metal", 2.6, 0.97, _NINETIES,
          ("metalcore", "death metal", "nu metal", "thrash", "doom", "prog metal")),
    Genre("punk", 2.2, 0.9, _NINETIES, ("pop punk", "hardcore", "ska", "skate punk")),
    Genre("christian", 2.6, 0.4, _RECENT,
          ("worship", "gospel", "christian rock", "hymns", "christian rap")),
    Genre("folk", 1.8, 0.28, _EVEN, ("singer songwriter", "americana", "celtic", "folk rock")),
    Genre("soul", 1.6, 0.5, _OLD, ("motown", "funk", "northern soul", "disco")),
    Genre("jazz", 1.1, 0.25, _OLD, ("swing", "bebop", "vocal jazz", "smooth jazz", "bossa nova")),
    Genre("classical", 1.0, 0.12, _EVEN,
          ("piano", "opera", "strings", "baroque", "modern classical")),
    Genre("soundtrack", 1.6, 0.35, _EVEN,
          ("movie scores", "musicals", "video games", "anime", "broadway")),
    Genre("kids", 1.0, 0.5, _EVEN, ("lullabies", "princess songs", "nursery rhymes")),
    Genre("holiday", 1.0, 0.35, _EVEN, ("christmas", "halloween", "hanukkah")),
    Genre("reggae", 0.9, 0.5, _CLASSIC, ("dancehall", "roots reggae", "island reggae", "dub")),
    Genre("k-pop", 0.9, 0.8, _RECENT, ("boy groups", "girl groups", "k-drama", "k-hip hop")),
    Genre("blues", 0.6, 0.42, _OLD, ("delta blues", "blues rock", "chicago blues")),
    Genre("ambient", 0.8, 0.08, _RECENT, ("nature sounds", "drone", "chillwave", "meditation")),
    Genre("oldies", 1.3, 0.5, (6.0, 2.0, 0.5, 0.1, 0.05, 0.05),
          ("doo wop", "rockabilly", "british invasion", "girl singers")),
)  # fmt: skip


class Mood(NamedTuple):
    """What a playlist is for: words for it, its share of playlists, how loud it is, the genres it likes."""

    words: tuple[str, ...]
    share: float
    energy: float
    genres: tuple[str, ...]
    emoji: tuple[str, ...] = ()


MOODS: Final = (
    Mood(("chill", "chill vibes", "chillin", "chilled", "chill out"),
         10, 0.35, ("indie", "r&b", "rap"), ("😎", "🌊", "🍃")),
    Mood(("workout", "gym", "work out", "pump up", "beast mode"),
         9, 0.88, ("rap", "edm", "metal"), ("💪", "🏋️", "🔥")),
    Mood(("party", "party mix", "party time", "turn up", "pregame"),
         8, 0.86, ("edm", "rap", "pop"), ("🎉", "🍻", "💃")),
    Mood(("sleep", "sleepy", "bedtime", "goodnight"),
         3, 0.10, ("ambient", "classical", "indie"), ("😴", "🌙", "💤")),
    Mood(("study", "studying", "homework", "focus", "study music"),
         3.5, 0.2, ("classical", "ambient", "indie"), ("📚", "✏️")),
    Mood(("road trip", "roadtrip", "driving", "car", "drive"),
         5, 0.62, ("rock", "country", "alternative"), ("🚗", "🛣️")),
    Mood(("sad", "sad songs", "feels", "in my feels", "crying"),
         4, 0.22, ("indie", "r&b", "pop"), ("😢", "💔", "😭")),
    Mood(("happy", "feel good", "good vibes", "good mood"),
         4, 0.72, ("pop", "soul", "indie"), ("😊", "☀️", "✨")),
    Mood(("love", "love songs", "romance", "date night"),
         3.5, 0.33, ("r&b", "soul", "pop"), ("❤️", "😍", "💕")),
    Mood(("wedding", "first dance", "wedding reception"),
         2, 0.55, ("soul", "pop", "country"), ("💍", "👰")),
    Mood(("running", "run", "cardio", "5k"), 3, 0.9, ("edm", "pop", "rap"), ("🏃",)),
    Mood(("throwback", "throwbacks", "tbt", "nostalgia"),
         5, 0.68, ("pop", "rap", "r&b"), ("⏪", "📼")),
    Mood(("dinner", "cooking", "dinner party"),
         1.5, 0.32, ("jazz", "soul", "folk"), ("🍷", "🍝")),
    Mood(("coffee", "coffee shop", "coffeehouse", "morning coffee"),
         1.5, 0.25, ("folk", "indie", "jazz"), ("☕",)),
    Mood(("beach", "pool", "beach day", "lake"),
         2.5, 0.55, ("reggae", "country", "pop"), ("🏖️", "🌴", "🌊")),
    Mood(("shower", "shower songs", "sing along", "karaoke"),
         2, 0.7, ("pop", "rock"), ("🚿", "🎤")),
    Mood(("dance", "dancing", "club", "dancefloor"),
         3, 0.88, ("edm", "latin", "pop"), ("💃", "🕺")),
    Mood(("relax", "relaxing", "calm", "mellow", "unwind"),
         3, 0.18, ("ambient", "folk", "indie"), ("🧘", "🍃")),
    Mood(("rainy day", "rain", "cozy"), 1, 0.2, ("indie", "jazz", "folk"), ("🌧️", "☔")),
    Mood(("bbq", "cookout", "backyard", "grill"),
         1.5, 0.6, ("country", "rock", "reggae"), ("🍔", "🍖")),
    Mood(("hype", "lit", "bangers", "fire"), 4, 0.93, ("rap", "edm"), ("🔥", "💯", "🔥🔥🔥")),
    Mood(("high", "420", "smoke", "stoned"), 1.5, 0.4, ("rap", "reggae", "indie"), ("🌿", "💨")),
    Mood(("baseball", "walk up", "football", "game day"),
         1.5, 0.85, ("rap", "rock", "country"), ("⚾", "🏈")),
    Mood(("angry", "rage", "mad"), 1, 0.97, ("metal", "punk", "rap"), ("😡", "🤘")),
    Mood(("yoga", "meditation", "zen"), 1, 0.08, ("ambient", "classical"), ("🧘", "🕉️")),
    Mood(("work", "office", "work music"), 2.5, 0.5, ("rock", "pop", "indie"), ("💼",)),
    Mood(("morning", "wake up", "good morning"),
         1.5, 0.55, ("pop", "indie", "folk"), ("🌅", "☀️")),
    Mood(("late night", "night", "midnight", "late nights"),
         2, 0.35, ("r&b", "rap", "ambient"), ("🌙", "🌃")),
)  # fmt: skip

SEASONS: Final = ("summer", "fall", "winter", "spring")
YEARS: Final = ("2013", "2014", "2015", "2016", "2017")
SEASON_EMOJI: Final = {"summer": "☀️", "fall": "🍂", "winter": "❄️", "spring": "🌸"}

GENERIC: Final = tuple(
    """my playlist|music|favorites|songs|jams|my jams|playlist|stuff|random|mix|good songs|mine|all|best songs
    |my music|new|current|favs|the best|everything|misc|tunes|my songs|list|jam|new songs|top songs|now|main
    |other|old|good|cool|awesome|life|us|me|home|family|mom|dad|kids room|school|college|freshman year
    |senior year|camp|church|phone|liked|starred|saved|discover|daily|untitled|vibes|moods|faves|a|1|2|x
    |number one|all time favorites|my favorites|classics|hits|top hits|radio|shuffle|weekend|friday|monday
    |sunday|birthday|vacation|travel|wanderlust|adventure|dreams|soul food|heart|space|blue|gold|red|black
    |emma|jack|sarah|josh|katie|matt|anna|ryan|lauren|alex|sam|kelly|mike|rachel|ben|jess|nick|megan""".replace(
        "\n", ""
    )
    .replace("    ", "")
    .split("|")
)

GENRE_EMOJI: Final = {
    "country": ("🤠",),
    "rap": ("🔥", "💯"),
    "metal": ("🤘",),
    "rock": ("🎸",),
    "classical": ("🎻", "🎹"),
    "holiday": ("🎄", "🎅"),
    "christian": ("🙏", "✝️"),
    "jazz": ("🎷",),
    "edm": ("🎧",),
    "latin": ("💃", "🌶️"),
    "kids": ("👶",),
    "pop": ("💖", "🎀"),
}

DESCRIPTIONS: Final = (
    "songs for {}",
    "All the best {} in one place!",
    "{} - updated every week",
    'a little "{}" never hurt anyone',
    "{}. That's it. That's the playlist.",
    "For when you need {}",
)
