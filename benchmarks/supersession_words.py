"""The words that cases of changed facts are made of; all of it invented."""

from __future__ import annotations

from dataclasses import dataclass

PEOPLE = (
    "Mara", "Tobias", "Ines", "Kofi", "Yuki", "Priya", "Anselm", "Leila", "Bruno", "Sunniva",
    "Davor", "Odette",
)  # fmt: skip
PROJECTS = (
    "Kestrel", "Bluebell", "Granite", "Lantern", "Osprey", "Tundra", "Marigold", "Harbour",
)  # fmt: skip


@dataclass(frozen=True)
class Attribute:
    """What a subject has one of at a time, and how people speak of it.

    In the templates, {s} is the subject, {v} the value, {o} the value before, {q} a qualifier.
    `own_state` and `own_change` are in the first person, for people only.
    """

    name: str
    values: tuple[str, ...]
    states: tuple[str, ...]
    changes: tuple[str, ...]
    corrections: tuple[str, ...]
    endings: tuple[str, ...]
    mention: str
    back: str
    questions: tuple[str, ...]
    qualifiers: tuple[str, ...]
    qualified_state: str
    qualified_change: str
    qualified_question: str
    own_state: str = ""
    own_change: str = ""

    @property
    def person(self) -> bool:
        """Whether people have it; otherwise projects do."""
        return bool(self.own_state)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Who or what has it."""
        return PEOPLE if self.person else PROJECTS


def fill(template: str, subject: str, value: str = "", old: str = "", qualifier: str = "") -> str:
    """A template with its words."""
    return template.format(s=subject, v=value, o=old, q=qualifier)


ATTRIBUTES = (
    Attribute(
        "city",
        ("Lisbon", "Tallinn", "Utrecht", "Ghent", "Porto", "Bergen", "Graz", "Cork", "Turin"),
        ("{s} lives in {v}.", "{s} has a flat in {v} and lives there.", "{s}'s home is in {v}."),
        ("{s} moved to {v}.", "{s} left {o} and now lives in {v}.", "{s} has settled in {v}."),
        ("Actually, {s} lives in {v}, not in {o}.", "Correction: {s}'s home is in {v}."),
        ("{s} no longer lives in {o}.", "{s} doesn't live in {o} any more."),
        "{s} told a funny story about the trams in {o}.",
        "{s} moved back to {v}.",
        ("Where does {s} live?", "Which city does {s} live in?", "Where is {s}'s home?"),
        ("summer", "winter"),
        "{s}'s {q} home is in {v}.",
        "{s} moved the {q} home to {v}.",
        "Where is {s}'s {q} home?",
        "I live in {v}.",
        "I moved to {v} last week.",
    ),
    Attribute(
        "employer",
        ("Aldine Press", "Norvik Labs", "Quill & Co", "Ferro Steel", "Sable Bank", "Orchard Foods"),
        ("{s} works at {v}.", "{s} is employed by {v}.", "{s} has a job at {v}."),
        ("{s} now works at {v}.", "{s} left {o} for {v}.", "{s} started at {v}."),
        ("Actually, {s} works at {v}, not at {o}.", "I was wrong: {s} is employed by {v}."),
        ("{s} no longer works at {o}.", "{s} quit the job at {o}."),
        "{s} met old friends at the summer party of {o}.",
        "{s} works at {v} again.",
        ("Where does {s} work?", "Who employs {s}?", "Which company does {s} work for?"),
        ("day", "evening"),
        "{s}'s {q} job is at {v}.",
        "{s} changed the {q} job and is at {v} now.",
        "Where is {s}'s {q} job?",
        "I work at {v}.",
        "I started a new job at {v}.",
    ),
    Attribute(
        "phone",
        ("5550-1182", "5550-7349", "5550-2206", "5550-9917", "5550-4453", "5550-6021"),
        ("{s}'s phone number is {v}.", "{s} can be called on {v}."),
        ("{s}'s new phone number is {v}.", "{s} changed the number from {o} to {v}."),
        ("Actually, {s}'s phone number is {v}, not {o}.", "Correction: call {s} on {v}."),
        ("{s} can no longer be called on {o}.", "{s}'s phone number {o} is out of service."),
        "{s} joked that {o} is easy to remember.",
        "{s}'s phone number is {v} once more.",
        ("What is {s}'s phone number?", "On which number can {s} be called?"),
        ("work", "private"),
        "{s}'s {q} phone number is {v}.",
        "{s}'s new {q} phone number is {v}.",
        "What is {s}'s {q} phone number?",
        "My phone number is {v}.",
        "I have a new phone number: {v}.",
    ),
    Attribute(
        "car",
        ("a green van", "a red hatchback", "a silver estate", "a yellow pickup", "a blue coupe"),
        ("{s} drives {v}.", "{s}'s car is {v}."),
        ("{s} sold the car and bought {v}.", "{s} now drives {v}.", "{s} swapped {o} for {v}."),
        ("Actually, {s} drives {v}, not {o}.", "No, {s}'s car is {v}."),
        ("{s} no longer drives {o}.", "{s} gave up {o} and has no car now."),
        "{s} saw {o} like the old one in a film.",
        "{s} drives {v} again.",
        ("What car does {s} drive?", "What does {s} drive?", "Which car does {s} have?"),
        ("weekend", "company"),
        "{s}'s {q} car is {v}.",
        "{s}'s {q} car is now {v}.",
        "What is {s}'s {q} car?",
        "I drive {v}.",
        "I sold my old car and got {v}.",
    ),
    Attribute(
        "dentist",
        ("Dr Varga", "Dr Okafor", "Dr Lindqvist", "Dr Moreau", "Dr Petrov", "Dr Haines"),
        ("{s}'s dentist is {v}.", "{s} goes to {v} for dental checks."),
        ("{s} switched to {v} as dentist.", "{s}'s new dentist is {v}."),
        ("Actually, {s}'s dentist is {v}, not {o}.", "I mixed it up: {s}'s dentist is {v}."),
        ("{s} no longer goes to the dentist {o}.", "{s} stopped seeing {o} as dentist."),
        "{s} ran into {o} at the market.",
        "{s} went back to {v} as dentist.",
        ("Who is {s}'s dentist?", "Which dentist does {s} go to?"),
        ("regular", "emergency"),
        "{s}'s {q} dentist is {v}.",
        "{s} chose {v} as new {q} dentist.",
        "Who is {s}'s {q} dentist?",
        "My dentist is {v}.",
        "I switched to {v} as my dentist.",
    ),
    Attribute(
        "dish",
        ("mushroom risotto", "lamb tagine", "bibimbap", "pierogi", "fish tacos", "dal makhani"),
        ("{s}'s favourite dish is {v}.", "{s} likes {v} best of all dishes."),
        ("{s}'s favourite dish is now {v}.", "{s} has come to prefer {v} to {o} as a dish."),
        ("Actually, {s}'s favourite dish is {v}, not {o}.", "Correction: {s} likes {v} best."),
        ("{s} has gone off {o} as a favourite.", "{o} is no longer {s}'s favourite dish."),
        "{s} spilled {o} on the carpet.",
        "{s}'s favourite dish is {v} again.",
        ("What is {s}'s favourite dish?", "Which dish does {s} like best?"),
        ("winter", "birthday"),
        "{s}'s favourite {q} dish is {v}.",
        "{s}'s favourite {q} dish has become {v}.",
        "What is {s}'s favourite {q} dish?",
        "My favourite dish is {v}.",
        "These days my favourite dish is {v}.",
    ),
    Attribute(
        "gym",
        ("Iron Yard", "Pulse Hall", "Nordic Club", "The Foundry", "Riverside Fitness"),
        ("{s} trains at {v}.", "{s}'s gym is {v}.", "{s} is a member of the gym {v}."),
        ("{s} joined {v} as the new gym.", "{s} now trains at {v}.", "{s} left {o} for {v}."),
        ("Actually, {s} trains at {v}, not at {o}.", "No, {s}'s gym is {v}."),
        ("{s} no longer trains at {o}.", "{s} cancelled the gym membership at {o}."),
        "{s} found a lost scarf in front of {o}.",
        "{s} trains at {v} again.",
        ("Which gym does {s} train at?", "Where does {s} train?", "What is {s}'s gym?"),
        ("lunchtime", "weekend"),
        "{s}'s {q} gym is {v}.",
        "{s} picked {v} as the new {q} gym.",
        "What is {s}'s {q} gym?",
        "I train at {v}, my gym.",
        "I joined a new gym, {v}.",
    ),
    Attribute(
        "manager",
        ("Helga Brandt", "Ravi Nair", "Joan Tully", "Pavel Cerny", "Amara Diallo", "Nils Holm"),
        ("{s}'s manager is {v}.", "{s} reports to {v}."),
        ("{s} now reports to {v}.", "{v} took over from {o} as {s}'s manager."),
        ("Actually, {s} reports to {v}, not to {o}.", "Correction: {s}'s manager is {v}."),
        ("{s} no longer reports to {o}.", "{o} stopped being {s}'s manager."),
        "{s} sent {o} a postcard.",
        "{s} reports to {v} again.",
        ("Who is {s}'s manager?", "Whom does {s} report to?"),
        ("line", "project"),
        "{s}'s {q} manager is {v}.",
        "{v} became {s}'s {q} manager.",
        "Who is {s}'s {q} manager?",
        "My manager is {v}.",
        "I got a new manager, {v}.",
    ),
    Attribute(
        "diet",
        ("a vegan diet", "a keto diet", "a gluten-free diet", "a low-salt diet", "a pescatarian diet"),
        ("{s} follows {v}.", "{s} is on {v}."),
        ("{s} switched to {v}.", "{s} gave up {o} and is now on {v}."),
        ("Actually, {s} follows {v}, not {o}.", "I misheard: {s} is on {v}."),
        ("{s} no longer follows {o}.", "{s} stopped {o}."),
        "{s} read an article on {o}.",
        "{s} went back to {v}.",
        ("Which diet does {s} follow?", "What diet is {s} on?"),
        ("weekday", "training"),
        "{s}'s {q} diet is {v}.",
        "{s}'s {q} diet changed to {v}.",
        "What is {s}'s {q} diet?",
        "I follow {v}.",
        "I have switched to {v}.",
    ),
    Attribute(
        "commute",
        ("by tram", "by bicycle", "by ferry", "on foot", "by train", "by scooter"),
        ("{s} commutes {v}.", "{s} gets to work {v}."),
        ("{s} now commutes {v}.", "{s} commutes {v} instead of {o}."),
        ("Actually, {s} commutes {v}, not {o}.", "No, {s} gets to work {v}."),
        ("{s} no longer commutes {o}.", "{s} stopped commuting {o}."),
        "{s} once crossed the whole country {o}.",
        "{s} commutes {v} again.",
        ("How does {s} commute?", "How does {s} get to work?"),
        ("morning", "evening"),
        "{s}'s {q} commute is {v}.",
        "{s}'s {q} commute is now {v}.",
        "What is {s}'s {q} commute?",
        "I commute {v}.",
        "I commute {v} from now on.",
    ),
    Attribute(
        "deadline",
        ("12 March", "30 June", "15 September", "1 November", "20 January", "8 August"),
        ("The deadline of {s} is {v}.", "{s} is due on {v}."),
        ("The deadline of {s} was moved to {v}.", "{s} slipped from {o} to {v}."),
        ("Actually, {s} is due on {v}, not on {o}.", "Correction: the deadline of {s} is {v}."),
        ("The deadline of {s} on {o} was dropped.", "{s} is no longer due on {o}."),
        "The team of {s} had lunch together on {o}.",
        "The deadline of {s} is {v} again.",
        ("When is {s} due?", "What is the deadline of {s}?"),
        ("internal", "public"),
        "The {q} deadline of {s} is {v}.",
        "The {q} deadline of {s} was moved to {v}.",
        "What is the {q} deadline of {s}?",
    ),
    Attribute(
        "lead",
        ("Freya Dahl", "Omar Haddad", "Celeste Roy", "Ivan Horak", "Noor Aziz", "Grace Obi"),
        ("{s} is led by {v}.", "The lead of {s} is {v}."),
        ("{v} took over {s} as lead.", "{s} is now led by {v}.", "{v} replaced {o} as {s}'s lead."),
        ("Actually, {s} is led by {v}, not by {o}.", "I was wrong: the lead of {s} is {v}."),
        ("{o} no longer leads {s}.", "{o} stepped down as lead of {s}."),
        "{o} asked how {s} is going.",
        "{s} is led by {v} again.",
        ("Who leads {s}?", "Who is the lead of {s}?"),
        ("design", "test"),
        "The {q} lead of {s} is {v}.",
        "{v} became the {q} lead of {s}.",
        "Who is the {q} lead of {s}?",
    ),
    Attribute(
        "database",
        ("PostgreSQL", "MariaDB", "CockroachDB", "SQLite", "Cassandra", "MongoDB"),
        ("{s} stores its data in {v}.", "The database of {s} is {v}."),
        ("{s} migrated to {v} as database.", "{s} replaced {o} by {v} as database."),
        ("Actually, {s} runs on {v} as database, not {o}.", "No, the database of {s} is {v}."),
        ("{s} no longer uses {o} as database.", "{s} removed its database {o}."),
        "Someone on {s} gave a talk about {o}.",
        "{s} went back to {v} as database.",
        ("Which database does {s} use?", "What is the database of {s}?"),
        ("production", "staging"),
        "The {q} database of {s} is {v}.",
        "The {q} database of {s} was changed to {v}.",
        "What is the {q} database of {s}?",
    ),
    Attribute(
        "port",
        ("port 8080", "port 9443", "port 5005", "port 7070", "port 6100", "port 4321"),
        ("{s} listens on {v}.", "The service of {s} runs on {v}."),
        ("{s} now listens on {v}.", "{s} was moved from {o} to {v}."),
        ("Actually, {s} listens on {v}, not on {o}.", "Correction: {s} runs on {v}."),
        ("{s} no longer listens on {o}.", "{s} stopped listening on {o}."),
        "A test of {s} found something else on {o}.",
        "{s} listens on {v} again.",
        ("Which port does {s} listen on?", "On which port does {s} run?"),
        ("admin", "metrics"),
        "The {q} endpoint of {s} listens on {v}.",
        "The {q} endpoint of {s} was moved to {v}.",
        "Which port does the {q} endpoint of {s} listen on?",
    ),
)  # fmt: skip
