"""The vocabulary of slots: nouns that name a slot, and verbs that fill one.

General English and small on purpose. A noun that is not listed still names a slot where a sentence
says whose it is (`Ana's tutor is Leo`); a listed one is also known by its other names.
"""

from __future__ import annotations


def word_set(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


_NOUNS = """
residence: home|house|flat|apartment|residence|city|hometown|home town|town|address|home address
residence: place
employer: employer|company|workplace|firm
job: job|occupation|profession|position|role|job title|title|career
phone: phone number|phone|number|telephone number|mobile number|cell number|telephone|mobile
email: email|email address|e-mail|e-mail address|mail address
car: car|vehicle|van|truck|pickup|suv|sedan|hatchback|coupe|motorbike
manager: manager|boss|supervisor
lead: lead|leader|head|team lead|captain
owner: owner|maintainer|assignee
diet: diet|eating plan
school: school|college|university|high school
gym: gym|fitness club|fitness studio
partner: partner|husband|wife|spouse|boyfriend|girlfriend|fiance|fiancee
relationship: relationship status|marital status
age: age
name: name|nickname|surname
commute: commute
deadline: deadline|due date|delivery date|release date|launch date
database: database|datastore|data store
port: port
dentist: dentist
doctor: doctor|gp|physician
therapist: therapist|counsellor|counselor
bank: bank
budget: budget
salary: salary|wage|pay
password: password|passcode|pin
username: username|handle|login
insurer: insurer|insurance
status: status|state
weight: weight
height: height
location: location|venue
version: version
language: programming language
"""

NOUNS: dict[str, str] = {
    name: attribute
    for line in _NOUNS.strip().splitlines()
    for attribute, _, names in [line.partition(": ")]
    for name in names.split("|")
}
"""What a noun, of one or two words, is the name of."""

TYPE_NOUNS = word_set(
    "home house flat apartment job number phone car van truck pickup suv sedan hatchback "
    "coupe motorbike manager boss lead diet school college university gym partner husband "
    "wife boyfriend girlfriend deadline database port dentist doctor gp therapist bank email "
    "address password insurer"
)
"""Nouns that say, inside a sentence, what is being changed or had: `bought a van`, `port 8080`."""

SET_NOUNS = word_set(
    "hobby friend child children people part kind mix bit lot one full here beauty kid son "
    "daughter brother sister sibling cousin aunt uncle pet dog cat puppy kitten horse bird "
    "allergy skill plan idea goal dream question point interest colleague neighbour neighbor "
    "trip photo picture day week weekend morning evening night year time thing way reason "
    "problem issue heart mind hope wish opinion family life advice favourite"
)
"""Nouns of which one has several, or which name no fact: nothing supersedes there."""

GENERIC = word_set("service server system project team app application endpoint product")
"""Nouns that only say what kind of thing the subject is."""

DENTAL = {"dental": "dentist", "medical": "doctor"}
"""Adjectives that stand for the one who is visited."""

FAVOURITE = frozenset(["favourite", "favorite", "fav", "preferred"])

LIGHT = word_set(
    "new current currently present latest newest main own actual real brand correct updated "
    "today now still lovely great good"
)
"""Words before a noun that do not tell two slots apart."""

ABANDONED_ATTRIBUTES = frozenset(["employer", "school", "gym", "bank", "residence"])
"""What `left A for B` speaks of where nothing else tells."""

_SENSES = """
live lives living reside resides residing|in at on near|residence
move moves moved moving relocate relocates relocated relocating|to into back|residence
settle settled settles settling|in|residence
based located|in at|residence
work works working|at for|employer
work works working|as|job
employed hired|by at|employer
employ employs employed hire hires hired|>|employer
start starts started starting|at with|employer
quit resign resigned|from|employer
promoted|to|job
study studies studying enrolled enroll enrol|at in|school
attend attends attending|-|school
drive drives driving|-|car
report reports reporting|to|manager
manage manages|>|manager
supervise supervises|>|manager
led headed|by|lead
lead leads head heads|>|lead
owned maintained|by|owner
train trains training exercise exercises work_out works_out|at|gym
commute commutes commuting|*|commute
get gets getting|to_work|commute
married engaged|to|partner
date dates dating|-|partner
single divorced widowed separated married engaged|.|relationship
called reached phoned contacted rung|on at by under via|phone
due|on in by at .|deadline
slip slips slipped postponed delayed rescheduled pushed_back|from to until|deadline
store stores storing|in|database
vegan vegetarian pescatarian|.|diet
turned turns turning|#|age
weigh weighs|-|weight
named renamed|- to|name
earn earns|-|salary
"""

Senses = list[tuple[frozenset[str], str]]

SENSES: dict[str, Senses] = {}
"""Of a verb's form: after which prepositions it tells which attribute.

`-` is a direct object, `.` nothing more, `#` a number, `*` anything; `>` says that the object is
the subject of the slot.
"""
for _line in _SENSES.strip().splitlines():
    _forms, _preps, _attribute = _line.split("|")
    for _form in _forms.split():
        SENSES.setdefault(_form, []).append((frozenset(_preps.split()), _attribute))

LEAVING = word_set(
    "left leave leaves leaving swapped swap swaps swapping traded trade gave_up give_up "
    "gives_up giving_up given_up stopped stop stops dropped quit ditched abandoned replaced "
    "replace replaces sold sell cancelled canceled removed remove removes lost"
)
"""Verbs whose object is the old value."""

TURNING = word_set(
    "switched switch switches switching changed change changes changing moved move moves "
    "moving migrated migrate went go goes gone going returned return joined join joins became "
    "become becomes becoming transferred upgraded converted slipped"
)
"""Verbs that lead to the new value."""

HAVING = word_set(
    "bought buy buys got get gets follow follows followed following use uses using used own "
    "owns chose choose chooses chosen picked pick picks adopted adopt found hired runs run "
    "running listen listens listening have has had see sees seeing visit visits start started "
    "took takes take"
)
"""Verbs of having and getting."""

PREFERRING = frozenset(["prefer", "prefers", "preferred", "preferring", "gone_off", "went_off"])
LIKING = word_set("like likes liked love loves loved enjoy enjoys")
TAKING_OVER = frozenset(
    ["took_over", "takes_over", "take_over", "taken_over", "replaced", "stepped_down"]
)

PARTICLES = frozenset(["up", "over", "down", "off", "out", "back"])
VERBS = frozenset(SENSES) | LEAVING | TURNING | HAVING | PREFERRING | LIKING | TAKING_OVER
_PARTS = frozenset(verb.partition("_")[0] for verb in VERBS if "_" in verb)

MODAL = word_set("would could should might must may won't going")
"""What makes of a claim a wish or a guess."""

BE = word_set("is are was were am be been being isn't aren't wasn't became become becomes")
AUX = BE | word_set(
    "has have had will would does do did can could should may might must hasn't haven't "
    "doesn't don't didn't won't can't going to come"
)
ADVERBS = word_set(
    "now no longer not also just recently currently again still finally really actually "
    "already always usually mostly never ever lately apparently officially happily "
    "temporarily today nowadays once more instead these days anymore any soon since both only "
    "even too permanently"
)
OPENERS = ADVERBS | word_set(
    "correction correct yes yeah yep well oh ok okay so and but btw fyi hey update hi sorry "
    "then anyway hmm wait meanwhile turns out as of from on last week month year because that "
    "which who"
)
"""What may stand before the subject of a sentence."""

PREPOSITIONS = word_set(
    "at in on to for with by from into as under via near of about after before during over "
    "than through until against between"
)
DETERMINERS = word_set("a an the my our his her its their your this that")
PAST = word_set(
    "used previous previously former formerly before originally original first initially "
    "earlier old past ago was were did had until then last earliest back history ever always"
)
"""What in a question says that it asks about the past."""

TRIGGERS = VERBS | _PARTS | BE | frozenset(["my", "our", "'s", "of", "as", "called", "call"])
"""A sentence without any of these tells no slot."""
