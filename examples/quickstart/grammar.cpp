// SPDX-License-Identifier: MIT
#include "grammar.hpp"

namespace solo::quickstart {
namespace {

Domain hotel() {
  return {
      .name = "hotel",
      .first_names = {"Grand", "Royal", "Old", "Little", "White", "Sunny", "Quiet", "Noble",
                      "Upper", "Green", "Silver", "Bright"},
      .second_names = {"Palace", "Lodge", "Garden", "Court", "Manor", "Tower", "Gate", "Bridge",
                       "Park", "Terrace", "House", "Crown"},
      .slots = {{"area",
                 {"city centre", "old town", "north side", "valley", "hills", "suburbs"},
                 {"is in the _", "can be found in the _", "stands in the _"}},
                {"stars",
                 {"one star", "two stars", "three stars", "four stars", "five stars"},
                 {"has _", "was given _", "is rated with _"}},
                {"price",
                 {"cheap", "moderate", "expensive", "very low", "very high"},
                 {"has _ prices", "asks for _ prices", "is known for _ prices"}},
                {"near",
                 {"the station", "the airport", "the museum", "the lake", "the stadium"},
                 {"is close to _", "is near _", "lies next to _"}},
                {"extra",
                 {"a pool", "a sauna", "a gym", "free parking", "a library"},
                 {"offers _", "has _ for its guests", "comes with _"}}},
      .subjects = {"It", "The hotel", "This hotel"},
      .joints = {" and ", " , and it ", " and it also "},
  };
}

Domain book() {
  return {
      .name = "book",
      .first_names = {"Silent", "Broken", "Hidden", "Distant", "Golden", "Frozen", "Last", "First",
                      "Secret", "Burning", "Lost", "Endless"},
      .second_names = {"River", "Letter", "Forest", "Winter", "Promise", "Island", "Journey",
                       "Shadow", "Morning", "Voice", "Mirror", "Road"},
      .slots = {{"genre",
                 {"crime", "romance", "history", "science fiction", "poetry", "travel"},
                 {"belongs to the genre of _", "is a work of _", "is about _"}},
                {"author",
                 {"Anna Berg", "Tom Hale", "Maria Costa", "Ivan Petrov", "Lucy Wong"},
                 {"was written by _", "is by _", "comes from the pen of _"}},
                {"pages",
                 {"90 pages", "150 pages", "240 pages", "380 pages", "700 pages"},
                 {"has _", "is _ long", "fills _"}},
                {"year",
                 {"1950", "1968", "1984", "1999", "2007", "2015"},
                 {"appeared in _", "was published in _", "came out in _"}},
                {"language",
                 {"English", "Spanish", "Russian", "Greek", "Dutch"},
                 {"is written in _", "can be read in _", "is sold in _"}}},
      .subjects = {"It", "The book", "This book"},
      .joints = {" and ", " , and it ", " and it also "},
  };
}

Domain phone() {
  return {
      .name = "phone",
      .first_names = {"Nova", "Astro", "Pixel", "Sonic", "Delta", "Omega", "Vector", "Turbo",
                      "Lumen", "Orbit", "Quantum", "Zenith"},
      .second_names = {"One", "Two", "Max", "Pro", "Mini", "Plus", "Lite", "Ultra", "Air", "Neo",
                       "Edge", "Prime"},
      .slots = {{"colour",
                 {"black", "blue", "red", "yellow", "purple", "grey"},
                 {"is _", "comes in _", "is sold in _"}},
                {"memory",
                 {"16 gigabytes", "32 gigabytes", "64 gigabytes", "128 gigabytes"},
                 {"has _ of memory", "stores _", "offers _ of space"}},
                {"screen",
                 {"four inches", "five inches", "six inches", "seven inches"},
                 {"has a screen of _", "measures _", "shows pictures of _"}},
                {"battery",
                 {"ten hours", "twelve hours", "a day", "two days", "three days"},
                 {"runs for _", "lasts _", "works for _ without a socket"}},
                {"weight",
                 {"light", "heavy", "slim", "sturdy"},
                 {"is rather _", "feels _", "is called _ by its users"}}},
      .subjects = {"It", "The phone", "This phone"},
      .joints = {" and ", " , and it ", " and it also "},
  };
}

Domain boat() {
  return {
      .name = "boat",
      .first_names = {"Brave", "Gentle", "Swift", "Lucky", "Merry", "Proud", "Lonely", "Happy",
                      "Dancing", "Sleepy", "Mighty", "Wild"},
      .second_names = {"Dolphin", "Seagull", "Otter", "Pearl", "Wave", "Star", "Whale", "Breeze",
                       "Anna", "Heron", "Coral", "Compass"},
      .slots = {{"harbour",
                 {"Bergen", "Lisbon", "Naples", "Hull", "Gdansk", "Split"},
                 {"lies in _", "sails from _", "is at home in _"}},
                {"length",
                 {"eight metres", "nine metres", "fifteen metres", "twenty metres"},
                 {"is _ long", "measures _", "has a length of _"}},
                {"crew",
                 {"two people", "three people", "six people", "ten people"},
                 {"needs a crew of _", "carries _", "has room for _"}},
                {"built",
                 {"wood", "steel", "plastic", "aluminium"},
                 {"is made of _", "was built of _", "has a body of _"}},
                {"cargo",
                 {"fish", "salt", "letters", "tourists", "timber"},
                 {"transports _", "is used for _", "usually brings _"}}},
      .subjects = {"It", "The boat", "This boat"},
      .joints = {" and ", " , and it ", " and it also "},
  };
}

Domain restaurant() {
  return {
      .name = "restaurant",
      .first_names = {"Hungry", "Copper", "Crooked", "Velvet", "Rusty", "Jolly", "Smoky", "Salty",
                      "Crimson", "Humble", "Dizzy", "Ivory"},
      .second_names = {"Kettle", "Spoon", "Badger", "Lantern", "Barrel", "Onion", "Oven", "Goose",
                       "Pepper", "Ladle", "Cellar", "Thistle"},
      .slots = {{"food",
                 {"Thai", "Italian", "Mexican", "Korean", "Turkish", "Ethiopian"},
                 {"serves _ dishes", "cooks _ food", "tempts you with _ cuisine"}},
                {"drink",
                 {"cider", "green tea", "craft beer", "red wine", "lemonade"},
                 {"pours _", "is loved for its _", "recommends a glass of _"}},
                {"district",
                 {"riverside", "theatre quarter", "fish market", "harbour front"},
                 {"awaits you at the _", "is tucked away in the _", "opened at the _"}},
                {"bill",
                 {"12 pounds", "18 pounds", "25 pounds", "40 pounds"},
                 {"charges about _ a head", "fills you up for _", "costs around _ each"}},
                {"closed",
                 {"Mondays", "Tuesdays", "Wednesdays", "Sundays"},
                 {"stays shut on _", "takes a rest on _", "does not open on _"}},
                {"music",
                 {"live jazz", "opera", "folk songs", "soft piano"},
                 {"entertains diners with _", "plays _", "fills its rooms with _"}}},
      .subjects = {"Guests say it", "The kitchen", "This place"},
      .joints = {" , while it ", " ; moreover it ", " yet "},
  };
}

}  // namespace

const std::vector<Domain>& general_domains() {
  static const std::vector<Domain> domains = {hotel(), book(), phone(), boat()};
  return domains;
}

const Domain& held_out_domain() {
  static const Domain domain = restaurant();
  return domain;
}

}  // namespace solo::quickstart
