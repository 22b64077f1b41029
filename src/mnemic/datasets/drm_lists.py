"""Word lists that make people remember a word they were not told: lures and their associates.

Facts of the literature: the 36 lists of Stadler, Roediger and McDermott 1999, *Norms for word
lists that create false memories*, 24 of which are those of Roediger and McDermott 1995, *Creating
false memories*, checked against two later studies that use them. The 15 words of a list are the
associates of a lure that is not among them, in the published order, in lower case.
"""

from collections.abc import Mapping

_LISTS = {
    "anger": "mad, fear, hate, rage, temper, fury, ire, wrath, happy, fight, "
    "hatred, mean, calm, emotion, enrage",
    "army": "navy, soldier, united states, rifle, air force, draft, military, "
    "marines, march, infantry, captain, war, uniform, pilot, combat",
    "black": "white, dark, cat, charred, night, funeral, color, grief, blue, death, "
    "ink, bottom, coal, brown, gray",
    "bread": "butter, food, eat, sandwich, rye, jam, milk, flour, jelly, dough, "
    "crust, slice, wine, loaf, toast",
    "car": "truck, bus, train, automobile, vehicle, drive, jeep, ford, race, "
    "keys, garage, highway, sedan, van, taxi",
    "chair": "table, sit, legs, seat, couch, desk, recliner, sofa, wood, cushion, "
    "swivel, stool, sitting, rocking, bench",
    "city": "town, crowded, state, capital, streets, subway, country, new york, "
    "village, metropolis, big, chicago, suburb, county, urban",
    "cold": "hot, snow, warm, winter, ice, wet, frigid, chilly, heat, weather, "
    "freeze, air, shiver, arctic, frost",
    "cup": "mug, saucer, tea, measuring, coaster, lid, handle, coffee, straw, "
    "goblet, soup, stein, drink, plastic, sip",
    "doctor": "nurse, sick, lawyer, medicine, health, hospital, dentist, physician, "
    "ill, patient, office, stethoscope, surgeon, clinic, cure",
    "flag": "banner, american, symbol, stars, anthem, stripes, pole, wave, raised, "
    "national, checkered, emblem, sign, freedom, pendant",
    "foot": "shoe, hand, toe, kick, sandals, soccer, yard, walk, ankle, arm, boot, "
    "inch, sock, smell, mouth",
    "fruit": "apple, vegetable, orange, kiwi, citrus, ripe, pear, banana, berry, "
    "cherry, basket, juice, salad, bowl, cocktail",
    "girl": "boy, dolls, female, young, dress, pretty, hair, niece, dance, "
    "beautiful, cute, date, aunt, daughter, sister",
    "high": "low, clouds, up, tall, tower, jump, above, building, noon, cliff, "
    "sky, over, airplane, dive, elevate",
    "king": "queen, england, crown, prince, george, dictator, palace, throne, "
    "chess, rule, subjects, monarch, royal, leader, reign",
    "lion": "tiger, circus, jungle, tamer, den, cub, africa, mane, cage, feline, "
    "roar, fierce, bears, hunt, pride",
    "man": "woman, husband, uncle, lady, mouse, male, father, strong, friend, "
    "beard, person, handsome, muscle, suit, old",
    "mountain": "hill, valley, climb, summit, top, molehill, peak, plain, glacier, "
    "goat, bike, climber, range, steep, ski",
    "music": "note, sound, piano, sing, radio, band, melody, horn, concert, "
    "instrument, symphony, jazz, orchestra, art, rhythm",
    "needle": "thread, pin, eye, sewing, sharp, point, prick, thimble, haystack, "
    "thorn, hurt, injection, syringe, cloth, knitting",
    "pen": "pencil, write, fountain, leak, quill, felt, bic, scribble, crayon, "
    "cross, tip, marker, red, cap, letter",
    "river": "water, stream, lake, mississippi, boat, tide, swim, flow, run, barge, "
    "creek, brook, fish, bridge, winding",
    "rough": "smooth, bumpy, road, tough, sandpaper, jagged, ready, coarse, uneven, "
    "riders, rugged, sand, boards, ground, gravel",
    "rubber": "elastic, bounce, gloves, tire, ball, eraser, springy, foam, galoshes, "
    "soles, latex, glue, flexible, resilient, stretch",
    "shirt": "blouse, sleeves, pants, tie, button, shorts, iron, polo, collar, "
    "vest, pocket, jersey, belt, linen, cuffs",
    "sleep": "bed, rest, awake, tired, dream, wake, snooze, blanket, doze, slumber, "
    "snore, nap, peace, yawn, drowsy",
    "slow": "fast, lethargic, stop, listless, snail, cautious, delay, traffic, "
    "turtle, hesitant, speed, quick, sluggish, wait, molasses",
    "smell": "nose, breathe, sniff, aroma, hear, see, nostril, whiff, scent, reek, "
    "stench, fragrance, perfume, salts, rose",
    "smoke": "cigarette, puff, blaze, billows, pollution, ashes, cigar, chimney, "
    "fire, tobacco, stink, pipe, lungs, flames, stain",
    "soft": "hard, light, pillow, plush, loud, cotton, fur, touch, fluffy, "
    "feather, furry, downy, kitten, skin, tender",
    "spider": "web, insect, bug, fright, fly, arachnid, crawl, tarantula, poison, "
    "bite, creepy, animal, ugly, feelers, small",
    "sweet": "sour, candy, sugar, bitter, good, taste, tooth, nice, honey, soda, "
    "chocolate, heart, cake, tart, pie",
    "thief": "steal, robber, crook, burglar, money, cop, bad, rob, jail, gun, "
    "villain, crime, bank, bandit, criminal",
    "trash": "garbage, waste, can, refuse, sewage, bag, junk, rubbish, sweep, "
    "scraps, pile, dump, landfill, debris, litter",
    "window": "door, glass, pane, shade, ledge, sill, house, open, curtain, frame, "
    "view, breeze, sash, screen, shutter",
}

DRM_LISTS: Mapping[str, tuple[str, ...]] = {
    lure: tuple(words.split(", ")) for lure, words in _LISTS.items()
}
"""Lure → the 15 words of its list (Deese, Roediger, McDermott)."""

_FOOLING = (
    "window, sleep, smell, doctor, sweet, chair, smoke, rough, needle, "
    "anger, trash, soft, city, cup, cold, mountain, slow, river"
)

FOOLING: tuple[str, ...] = tuple(_FOOLING.split(", "))
"""The 18 of the 36 lures that people recalled most often, the most often first (Stadler,
Roediger and McDermott 1999, table 1)."""
