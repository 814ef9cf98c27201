"""A made-up library of any size, loaded by COPY: for trying things out, and for measuring. `load` does not commit.

It asks no clock: the same arguments give the same rows, but for their ids.
"""

import io
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice, repeat
from typing import Any

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from mediatheque.auth.models import User
from mediatheque.extensions import db
from mediatheque.library import seeds
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie

MOST = 10_000_000  # books, and movies
ITEMS_PER_ACCOUNT = 660  # books and movies
BATCH = 10_000  # rows that are made, held in memory and sent at once
OPEN = 0.7  # share of the collections
POOL = 10_000  # values that a column is drawn from
NULL = "\\N"  # as COPY reads it
NOBODYS_PASSWORD = f"$2b$12${'.' * 53}"  # a well-formed hash that no password has
JOINED = (datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))  # when accounts and collections were made
ADDED = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))  # when books and movies were

INDEXES = text(
    "SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) FROM pg_index"
    " WHERE indrelid = CAST(:table AS regclass) AND NOT indisunique"
)
COPY_BOOKS = (
    "COPY books (created_at, updated_at, title, author, isbn, page_count, published_year, user_id, collection_id,"
    " genre_id, format_id) FROM STDIN"
)
COPY_MOVIES = (
    "COPY movies (created_at, updated_at, title, director, run_time, release_year, user_id, collection_id,"
    " genre_id, format_id) FROM STDIN"
)


def _one_of(words: str) -> list[str]:
    return words.split("|")


ADJECTIVES = _one_of(
    "Ancient|Bitter|Blue|Borrowed|Bright|Broken|Burning|Careful|Cold|Common|Crimson|Dark|Deep|Distant|Divided|"
    "Drowned|Early|Eastern|Electric|Empty|Endless|Eternal|Fallen|False|Final|First|Forgotten|Fragile|Frozen|Gentle|"
    "Golden|Great|Green|Half-Open|Hidden|Hollow|Honest|Human|Hungry|Idle|Invisible|Iron|Last|Late|Little|Lonely|Long|"
    "Lost|Lucky|Modern|Naked|Narrow|New|Northern|Old|Open|Ordinary|Other|Paper|Patient|Perfect|Plain|Private|Quiet|"
    "Red|Restless|Sacred|Salted|Scarlet|Second|Secret|Seventh|Silent|Silver|Simple|Sleeping|Slow|Small|Southern|"
    "Stolen|Strange|Sunken|Sweet|Tall|Third|Unfinished|Unknown|Unwritten|Velvet|Violet|Wandering|Western|White|Wild|"
    "Winter|Young"
)
NOUNS = _one_of(
    "Alphabet|Answer|Apple|Archive|Art|Atlas|Autumn|Bell|Bird|Boat|Book|Border|Bread|Bridge|Brother|Cabinet|Café|"
    "Candle|Captain|Castle|Cathedral|Child|Circle|City|Clock|Coast|Compass|Cook|Country|Crown|Dance|Daughter|Desert|"
    "Diary|Door|Dream|Echo|Empire|Engine|Evening|Eye|Father|Feather|Field|Fire|Forest|Fox|Friend|Game|Garden|Ghost|"
    "Glass|Guest|Harbour|Harvest|Heart|Heir|History|Hotel|Hour|House|Island|Journey|Judge|Key|King|Kitchen|Lamp|"
    "Language|Letter|Library|Light|Lighthouse|Lion|Machine|Map|Market|Memory|Mirror|Moon|Morning|Mother|Mountain|"
    "Museum|Music|Name|Night|Ocean|Orchard|Orchestra|Painter|Palace|Party|Piano|Pilot|Planet|Poet|Prayer|Prince|"
    "Promise|Queen|Question|Rain|River|Road|Room|Rose|Sailor|Salt|School|Sea|Shadow|Ship|Silence|Sister|Sky|Snow|"
    "Soldier|Song|Station|Stone|Storm|Story|Stranger|Street|Summer|Table|Teacher|Theatre|Theory|Tide|Time|Tower|Town|"
    "Train|Tree|Valley|Village|Violin|Voice|Wall|War|Water|Wave|Weaver|Wedding|Whale|Wind|Window|Witness|Wolf|Woman|"
    "Wood|Word|World|Year"
)
LINKS = [f" {link} the " for link in ("of", "and", "in", "beyond", "under", "from", "before", "against")]
FIRST_NAMES = _one_of(
    "Ada|Adam|Agnes|Aisha|Albert|Alice|Amélie|Amos|André|Anna|Antónia|Arthur|Astrid|Ben|Birgit|Björn|Bruno|Camille|"
    "Carlos|Carmen|Chloé|Clara|Daniel|David|Deborah|Diego|Edith|Edward|Élise|Ella|Emil|Emma|Erik|Esther|Eva|Fatima|"
    "Felix|Fiona|François|Frida|George|Grace|Gustav|Hannah|Hélène|Henry|Hugo|Ida|Ingrid|Irène|Isaac|Iván|James|Jane|"
    "João|Johan|José|Josephine|Jürgen|Karin|Kwame|Laura|Léa|Leo|Lucía|Lukas|Maeve|Margaret|María|Martin|Mary|Max|Mia|"
    "Milan|Nadia|Naomi|Niels|Nina|Noël|Olga|Oscar|Otto|Paul|Pedro|Peter|Priya|Rosa|Ruth|Samuel|Sara|Simone|Sofia|"
    "Søren|Stefan|Sylvia|Thomas|Tove|Ursula|Vera|Victor|Virginia|Walter|William|Yusuf|Zadie|Zoë"
)
LAST_NAMES = _one_of(
    "Adams|Ahmed|Almeida|Andersen|Baker|Barnes|Becker|Berg|Bianchi|Blanc|Böll|Brontë|Brown|Čapek|Carter|Castro|Chen|"
    "Clarke|Cohen|Costa|Cruz|Davies|Diaz|Dubois|Eliot|Evans|Fernández|Fischer|Fleming|Flores|Forster|Fuchs|García|"
    "Gomes|Gordon|Greene|Haas|Hansen|Hardy|Hayes|Hernández|Hill|Hoffmann|Holm|Hughes|Ivanova|James|Johnson|Jones|"
    "Kästner|Keller|Kelly|Khan|Kim|King|Klein|Köhler|Lagerlöf|Larsen|Laurent|Lee|Lévy|Lopes|Lund|Mann|Martínez|Meyer|"
    "Miller|Moreau|Müller|Murphy|Ndiaye|Nguyen|Nielsen|Novák|O'Brien|O'Connor|Okafor|Oliveira|Olsen|Ortiz|Öztürk|Patel|"
    "Pérez|Petersen|Rossi|Roth|Rousseau|Roy|Sánchez|Schmidt|Schneider|Shaw|Silva|Simon|Singh|Smith|Souza|Steiner|"
    "Strand|Suzuki|Szabó|Tanaka|Taylor|Torres|Vargas|Walker|Weber|Weiss|White|Williams|Wilson|Wolf|Wright|"
    "Young|Zweig"
)
SHELVES = _one_of(
    "Living room|Bedroom|Study|Attic|Kitchen|Favourites|To read|Lent out|Children's shelf|Summer house|À lire|Küche|"
    "Cine en casa|Книги|本棚|Classics|Work|Box 1|Box 2"
)

# How many texts in a thousand are put together from which parts: one of each.
Recipe = tuple[int, tuple[Sequence[str], ...]]
PEOPLE: tuple[Recipe, ...] = (
    (940, (FIRST_NAMES, " ", LAST_NAMES)),
    (35, (_one_of("Анна|Елена|Иван|Лев|Марина|Михаил|Ольга|Фёдор"), " ", _one_of("Гурченко|Зорич|Рерих|Седых|Чёрных"))),
    (25, (_one_of("大江|小川|川端|太宰|夏目|三島|村上|吉本"), " ", _one_of("健|翔太|直樹|春|美咲|葉子|由紀"))),
)
TITLES: tuple[Recipe, ...] = (
    (70, (["The "], ADJECTIVES, " ", NOUNS)),
    (748, (["The ", "", "My ", "Our "], ADJECTIVES, " ", NOUNS, LINKS, NOUNS)),
    (
        45,
        (
            _one_of("La Maison|Le Château|L'Été|L'Étranger|La Forêt|Un Cœur|Le Garçon|Les Années|Une Fenêtre|L'Île"),
            _one_of(" d'Hélène| de l'hiver| des étoiles| sans mémoire| à Besançon| du père| de François| en août"),
            _one_of("|, ou la vérité| et autres récits|, suivi de Lettres| et la mer|, tome 1|, tome 2"),
        ),
    ),
    (
        45,
        (
            _one_of("Die Brücke|Der Schlüssel|Das Mädchen|Der Gärtner|Die Straße|Grüße|Die Bücher|Die Fähre"),
            _one_of(" über den Fluss| im Nebel| aus Lübeck| ohne Gepäck| von Köln| der Väter| im März| in Zürich"),
            _one_of("|: Roman|: Erzählungen|, Band 1|, Band 2| und andere Märchen|: ein Gespräch"),
        ),
    ),
    (
        30,
        (
            _one_of("El año|La señora|El corazón|Los niños|El último tren|La habitación|El árbol|El jardín"),
            _one_of(" del señor Núñez| de Cádiz| sin sueño| en Bogotá| y la música| bajo el volcán| de mi tía"),
            _one_of("|: poesía reunida|: cuentos|, volumen II| y después| otra vez|: una biografía"),
        ),
    ),
    (
        25,
        (
            _one_of("Дорога|Зимний вечер|Дом|Письма|Чайка|Золотой ключ|Мёртвые города|Братья|Ночь|Чёрный монах"),
            _one_of(" за морем| на краю света| без имени| из Петербурга| и мир| после дождя| для Елены| на войне"),
            _one_of("|: роман|: рассказы|. Том 1|. Том 2| и другие повести|: пьеса в четырёх действиях"),
        ),
    ),
    (
        25,
        (
            _one_of("静かな|遠い|青い|最後の|小さな|見えない|雪の|夜の|東京の|失われた|海辺の|百年の|ガラスの"),
            _one_of("海|森|図書館|手紙|庭|列車|猫|約束|夢|カフェ|記憶|島|街|鏡|物語|少女|桜"),
            _one_of("|と月|の話|を探して| 上巻| 下巻|の終わり|、または旅"),
        ),
    ),
    (5, (_one_of("Collected Poems|Selected Stories|Letters|Memoirs|Dictionary|Faust|Les Misérables|Война и мир"),)),
    (4, ("ACEIKMQSVXYZÉØЯΩ愛",)),
    (
        3,
        (
            _one_of(
                "A True and Faithful Account of the |The Strange and Surprising Adventures of the |A Guide to the "
            ),
            NOUNS,
            _one_of(" and All That Happened to It| as Told by Its Last Witness| and the Causes of Its Decline"),
            _one_of(", with an Introduction and Copious Notes|, Newly Translated|, Together with a Map of the Country"),
            _one_of(" by a Gentleman of Leisure, for the Use of Families| and a Full Index of Persons and Places"),
        ),
    ),
)


def load(books: int, movies: int, advance: Callable[[int], None], seed: int = 1) -> dict[str, int]:
    """Add made-up rows; gives how many, by table.

    They belong to the accounts demo1@example.org and following, in collections of their own, and have the genres and
    formats that there are, or the seeded ones if there are none. *advance* is told of each batch of items, by its size.
    """
    rng = random.Random(seed)  # noqa: S311
    connection = db.session.connection()
    if seeds.no_names():
        seeds.seed_names()
        db.session.flush()
    owners, accounts = _accounts(rng, connection, (books + movies) // ITEMS_PER_ACCOUNT or 1)
    places, collections = _collections(rng, connection, owners)
    # Without statistics, the checks of the foreign keys of a million rows take twenty seconds more.
    connection.execute(text("ANALYZE users, collections"))
    people = _people(rng)
    genres = _ids(rng, connection, Genre)
    with _indexed_afterwards(connection, Book, books):
        _copy(
            connection,
            COPY_BOOKS,
            advance,
            (
                _moments_twice(rng, books),
                _composed(rng, TITLES),
                _drawn(rng, people),
                _isbns(rng),
                _drawn(rng, _amounts(rng, median=280, sigma=0.55)),
                _drawn(rng, _years(rng, earliest=-700)),
                _drawn(rng, places),
                _drawn(rng, genres),
                _drawn(rng, _ids(rng, connection, Format)),
            ),
        )
    with _indexed_afterwards(connection, Movie, movies):
        _copy(
            connection,
            COPY_MOVIES,
            advance,
            (
                _moments_twice(rng, movies),
                _composed(rng, TITLES),
                _drawn(rng, people),
                _drawn(rng, _amounts(rng, median=100, sigma=0.3)),
                _drawn(rng, _years(rng, earliest=1895)),
                _drawn(rng, places),
                _drawn(rng, genres),
                _drawn(rng, _ids(rng, connection, FormatMovie)),
            ),
        )
    return {"books": books, "movies": movies, "collections": collections, "accounts": accounts}


def vacuum() -> None:
    """What autovacuum would come to do: the planner learns of the rows, and counts need the indexes only."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) users, collections, books, movies"))


@contextmanager
def _indexed_afterwards(connection: Connection, model: type[Book | Movie], coming: int) -> Iterator[None]:
    """Make the indexes when the *coming* rows are in: up to twice as fast, but nobody can read the table meanwhile.

    Not where it holds more rows than are coming: to index these anew would take longer.
    """
    more = connection.scalar(select(model.id).offset(coming).limit(1)) is not None
    indexes = [] if more else connection.execute(INDEXES, {"table": model.__tablename__}).all()
    for drop, _ in indexes:
        _run(connection, drop)
    yield
    for _, create in indexes:
        _run(connection, create)


def _run(connection: Connection, statement: str) -> None:
    """A statement that the database wrote, as it is: a ``%`` or ``:`` in it is no parameter."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _copy(
    connection: Connection, statement: str, advance: Callable[[int], None], columns: Sequence[Iterator[str]]
) -> None:
    """Rows of *columns*, until one of these ends, in COPY's text format; a driver's error as SQLAlchemy's."""
    rows = map("\t".join, zip(*columns, strict=False))
    dialect = connection.dialect
    cursor: Any = connection.connection.cursor()
    try:
        # A COPY for each batch: one for all would have its foreign keys checked at its end, and remembered until then.
        while batch := list(islice(rows, BATCH)):
            lines = "\n".join(batch)
            if dialect.driver == "psycopg":
                with cursor.copy(statement) as copy:
                    copy.write(lines)
            else:
                cursor.copy_expert(statement, io.StringIO(lines))
            advance(len(batch))
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
    finally:
        cursor.close()


def _accounts(rng: random.Random, connection: Connection, count: int) -> tuple[list[int], int]:
    """The ids of that many demo accounts, and how many of these are new."""
    emails = [f"demo{number}@example.org" for number in range(1, count + 1)]
    rows = [
        {"email": email, "name": name, "password": NOBODYS_PASSWORD, "created_at": moment, "updated_at": moment}
        for email, name, moment in zip(emails, _composed(rng, PEOPLE), _moments(rng, count, JOINED), strict=False)
    ]
    made = connection.execute(postgresql.insert(User).on_conflict_do_nothing().returning(User.id), rows).all()
    address = func.lower(User.email)
    return list(connection.scalars(select(User.id).where(address.in_(emails)).order_by(User.id))), len(made)


def _collections(rng: random.Random, connection: Connection, owners: Sequence[int]) -> tuple[list[str], int]:
    """Where items go, as user_id and collection_id, more often where more go; and the number of new collections."""
    rows = [
        {"name": name, "is_open": rng.random() < OPEN, "user_id": owner}
        for owner in owners
        for name in rng.sample(SHELVES, rng.randint(2, 6))
    ]
    for row, moment in zip(rows, _moments(rng, len(rows), JOINED), strict=True):
        row |= {"created_at": moment, "updated_at": moment}
    ids = connection.scalars(insert(Collection).returning(Collection.id, sort_by_parameter_order=True), rows)
    places = []
    for row, id in zip(rows, ids, strict=True):
        places += [f"{row['user_id']}\t{id}"] * rng.randint(4, 40)
        if row["is_open"]:
            places.append(f"{rng.choice(owners)}\t{id}")
    return places, len(rows)


def _moments(rng: random.Random, count: int, period: tuple[datetime, datetime]) -> Iterator[datetime]:
    """*count* moments in ascending order, evenly spread over *period*."""
    first, end = period
    return (first + (end - first) * ((number + rng.random()) / count) for number in range(count))


def _moments_twice(rng: random.Random, count: int) -> Iterator[str]:
    """The values of created_at and updated_at."""
    return (f"{moment}\t{moment}" for moment in map(str, _moments(rng, count, ADDED)))


def _drawn(rng: random.Random, pool: Sequence[str]) -> Iterator[str]:
    """Values from *pool*, for ever."""
    return chain.from_iterable(rng.choices(pool, k=BATCH) for _ in repeat(None))


def _composed(rng: random.Random, recipes: Sequence[Recipe]) -> Iterator[str]:
    """Texts made after *recipes*, for ever."""
    shares = [share for share, _ in recipes]
    while True:
        texts: list[str] = []
        for place, count in Counter(rng.choices(range(len(recipes)), shares, k=BATCH)).items():
            _, parts = recipes[place]
            texts += map("".join, zip(*(rng.choices(part, k=count) for part in parts), strict=True))
        rng.shuffle(texts)
        yield from texts


def _isbns(rng: random.Random) -> Iterator[str]:
    """ISBN-13 (ISO 2108), one in seven missing, for ever."""
    while True:
        code = f"978{rng.randrange(10**9):09}"
        check = -(sum(map(int, code[::2])) + 3 * sum(map(int, code[1::2]))) % 10
        yield NULL if rng.random() < 1 / 7 else f"{code}{check}"


def _people(rng: random.Random) -> list[str]:
    """Names to draw authors and directors from: a few of them often, many rarely."""
    names = list(islice(_composed(rng, PEOPLE), BATCH))
    weights = [1 / (rank + 10) ** 0.8 for rank in range(len(names))]
    return _sparse(rng, rng.choices(names, weights, k=POOL), missing=0.08)


def _amounts(rng: random.Random, median: int, sigma: float) -> list[str]:
    """Pages or minutes to draw from, in a log-normal distribution."""
    return [str(max(1, round(median * rng.lognormvariate(0, sigma)))) for _ in range(POOL)]


def _years(rng: random.Random, earliest: int) -> list[str]:
    """Years to draw from: back to 1950, more of the recent ones, and a few back to *earliest*."""
    recent = [2025 - round(rng.expovariate(1 / 18)) % 76 for _ in range(POOL)]
    old = [round(rng.triangular(earliest, 1949, 1949)) for _ in range(POOL // 50)]
    return _sparse(rng, recent + old, missing=0.06)


def _ids(rng: random.Random, connection: Connection, model: type[Genre | Format | FormatMovie]) -> list[str]:
    """Ids to draw from, the first ones more often."""
    ids = connection.scalars(select(model.id).order_by(model.id)).all()
    weights = [1 / (rank + 1) for rank in range(len(ids))]
    return _sparse(rng, rng.choices(ids, weights, k=POOL), missing=0.05) if ids else [NULL]


def _sparse(rng: random.Random, values: Iterable[object], missing: float) -> list[str]:
    """*values* as COPY reads them; that share of them is missing."""
    return [NULL if rng.random() < missing else str(value) for value in values]
