"""Words for what photographs show every day: things, animals, places, scenes. Names of groups on a map come from here,
and from the keywords of the store."""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    # people
    "portrait, group of people, crowd, child, baby, family, couple, wedding, party, selfie, friends, dancing, concert, "
    "musician, guitar, piano, band, stage, athlete, runner, cyclist, swimmer, surfer, skier, skateboarder, climber, "
    "football, basketball, baseball, tennis, golf, volleyball, hockey, rugby, gymnastics, boxing, yoga, race, stadium, "
    "playground, classroom, office, meeting, worker, soldier, doctor, cook, farmer, fisherman, artist, dancer, "
    "costume, hat, sunglasses, hands, smile, eyes, hair, old man, old woman, "
    # animals
    "dog, puppy, cat, kitten, horse, cow, sheep, goat, pig, donkey, camel, elephant, giraffe, zebra, lion, tiger, "
    "bear, wolf, fox, deer, monkey, rabbit, squirrel, mouse, bird, duck, swan, goose, chicken, eagle, owl, parrot, "
    "pigeon, gull, penguin, flamingo, peacock, fish, shark, whale, dolphin, seal, turtle, frog, snake, lizard, "
    "crocodile, butterfly, bee, spider, beetle, dragonfly, insect, snail, crab, jellyfish, coral, aquarium, zoo, "
    # nature
    "flower, rose, tulip, sunflower, orchid, garden, tree, forest, autumn leaves, leaf, moss, mushroom, grass, meadow, "
    "field, wheat, vineyard, palm tree, cactus, desert, dune, mountain, snow, glacier, volcano, canyon, cliff, cave, "
    "rock, waterfall, river, lake, pond, sea, waves, beach, island, coast, harbour, underwater, sunset, sunrise, "
    "clouds, storm, lightning, rainbow, fog, rain, ice, frost, night sky, stars, moon, galaxy, planet, "
    "northern lights, fire, smoke, fireworks, shadow, silhouette, reflection, "
    # places and buildings
    "city, skyline, skyscraper, street, alley, square, market, shop, restaurant, cafe, bar, hotel, house, hut, farm, "
    "barn, castle, palace, church, cathedral, mosque, temple, pagoda, monastery, ruins, statue, fountain, monument, "
    "tower, lighthouse, windmill, bridge, tunnel, road, motorway, railway, station, airport, factory, power station, "
    "building site, dam, pier, park, fence, wall, gate, door, window, stairs, roof, balcony, arch, column, graffiti, "
    "village, museum, library, theatre, school, hospital, cemetery, swimming pool, fairground, ferris wheel, "
    "street at night, aerial view, map, flag, sign, "
    # vehicles
    "car, old car, racing car, taxi, bus, lorry, van, tractor, motorcycle, bicycle, train, tram, aeroplane, "
    "helicopter, hot air balloon, rocket, boat, sailing boat, ship, ferry, canoe, fire engine, police car, wheel, "
    # indoors and things
    "kitchen, bathroom, bedroom, living room, dining table, sofa, chair, bed, lamp, candle, mirror, clock, vase, "
    "carpet, curtain, bookshelf, book, newspaper, letter, handwriting, document, receipt, screenshot, computer, "
    "keyboard, laptop, telephone, camera, television, radio, headphones, microphone, toy, doll, teddy bear, game, "
    "chess, playing cards, ball, balloon, kite, umbrella, bag, suitcase, shoes, dress, shirt, jewellery, ring, watch, "
    "bottle, glass, cup, plate, bowl, knife, spoon, pan, basket, box, tools, machine, engine, pipe, rope, chain, key, "
    "coin, money, weapon, musical instrument, drum, violin, trumpet, painting, drawing, sculpture, poster, "
    "black and white photograph, pattern, texture, fabric, wood, metal, paper, bricks, tiles, diagram, chart, logo, "
    "x-ray, microscope image, satellite image, colours, "
    # food and drink
    "food, breakfast, bread, cake, biscuits, chocolate, ice cream, pizza, pasta, rice, soup, salad, sandwich, burger, "
    "meat, sausage, cheese, egg, vegetables, tomato, pepper, carrot, potato, pumpkin, fruit, apple, banana, orange, "
    "lemon, strawberry, grapes, pineapple, nuts, coffee, tea, wine, beer, cocktail, sushi, seafood, barbecue, "
    "birthday cake, christmas tree, halloween, picnic, camping, tent, campfire, hiking, skiing, sailing, fishing"
)
EVERYDAY_WORDS: Final = tuple(dict.fromkeys(word.strip() for word in _WORDS.split(",")))
