// SPDX-License-Identifier: MIT
#include "grammar.hpp"

namespace solo::quickstart {
namespace {

Domain hotel() {
  return {
      .name = "hotel",
      .openings = {"_", "The hotel _", "_ is a hotel that", "There is _ , which"},
      .subjects = {"It", "The hotel"},
      .joints = {" and ", " , and it ", " and it also "},
      .slots = {{"street", {}, {"is in the street called _", "stands on _ street"}},
                {"owner", {}, {"belongs to _", "is run by _", "is owned by _"}},
                {"stars",
                 {"one star", "two stars", "three stars", "four stars", "five stars"},
                 {"has _", "was given _"}},
                {"price",
                 {"cheap", "moderate", "expensive", "very low", "very high"},
                 {"has _ prices", "asks for _ prices"}},
                {"near",
                 {"the station", "the airport", "the museum", "the lake", "the stadium"},
                 {"is close to _", "lies next to _"}},
                {"extra",
                 {"a pool", "a sauna", "a gym", "free parking", "a library"},
                 {"offers _", "comes with _"}}},
  };
}

Domain book() {
  return {
      .name = "book",
      .openings = {"_", "The book _", "_ is a book that", "There is _ , which"},
      .subjects = {"It", "The book"},
      .joints = {" and ", " , and it ", " and it also "},
      .slots = {{"author", {}, {"was written by _", "comes from the pen of _"}},
                {"hero", {}, {"tells of the life of _", "has a hero called _"}},
                {"genre",
                 {"crime", "romance", "history", "science fiction", "poetry", "travel"},
                 {"belongs to the genre of _", "is a work of _"}},
                {"pages",
                 {"90 pages", "150 pages", "240 pages", "380 pages", "700 pages"},
                 {"has _", "is _ long"}},
                {"year",
                 {"1950", "1968", "1984", "1999", "2007", "2015"},
                 {"appeared in _", "was published in _"}},
                {"language",
                 {"English", "Spanish", "Russian", "Greek", "Dutch"},
                 {"is written in _", "can be read in _"}}},
  };
}

Domain phone() {
  return {
      .name = "phone",
      .openings = {"_", "The phone _", "_ is a phone that", "There is _ , which"},
      .subjects = {"It", "The phone"},
      .joints = {" and ", " , and it ", " and it also "},
      .slots = {{"maker", {}, {"is made by _", "comes from the house of _"}},
                {"system", {}, {"runs the system _", "works with _"}},
                {"colour",
                 {"black", "blue", "red", "yellow", "purple", "grey"},
                 {"is painted _", "is sold in _"}},
                {"memory",
                 {"16 gigabytes", "32 gigabytes", "64 gigabytes", "128 gigabytes"},
                 {"has _ of memory", "stores _"}},
                {"battery",
                 {"ten hours", "twelve hours", "a day", "two days", "three days"},
                 {"lasts _", "stays awake for _"}},
                {"weight", {"light", "heavy", "slim", "sturdy"}, {"is rather _", "feels _"}}},
  };
}

Domain boat() {
  return {
      .name = "boat",
      .openings = {"_", "The boat _", "_ is a boat that", "There is _ , which"},
      .subjects = {"It", "The boat"},
      .joints = {" and ", " , and it ", " and it also "},
      .slots = {{"harbour", {}, {"lies in _", "sails from _"}},
                {"captain", {}, {"is steered by _", "has a captain called _"}},
                {"length",
                 {"eight metres", "nine metres", "fifteen metres", "twenty metres"},
                 {"is _ long", "has a length of _"}},
                {"crew",
                 {"two people", "three people", "six people", "ten people"},
                 {"needs a crew of _", "has room for _"}},
                {"material",
                 {"wood", "steel", "plastic", "aluminium"},
                 {"is made of _", "was built of _"}},
                {"cargo",
                 {"fish", "salt", "letters", "tourists", "timber"},
                 {"transports _", "usually brings _"}}},
  };
}

// The one with long sentences.
Domain city() {
  return {
      .name = "city",
      .openings = {"Travellers who like quiet places should visit _ , because it",
                   "Everybody in the country knows _ , a town which",
                   "If you ask where to spend the next weekend , people say _ , since it"},
      .subjects = {"What is more , it", "Most visitors hear that it", "Besides , the town"},
      .joints = {" , and everybody knows that it ", " , although it ", " but above all it "},
      .slots = {{"mayor", {}, {"has been governed for years by _", "voted again for mayor _"}},
                {"river", {}, {"was built where the _ meets the sea", "drinks the water of the _"}},
                {"food",
                 {"oysters", "cheese", "honey", "cherries", "roast duck", "mushrooms"},
                 {"lets you taste fresh _", "sends _ to the markets of the whole world"}},
                {"season",
                 {"spring", "summer", "autumn", "January", "February"},
                 {"shines most brightly in _", "fills with guests and concerts in _"}},
                {"people",
                 {"500 citizens", "8000 citizens", "30000 citizens", "a million citizens"},
                 {"is the home of _", "gives work and shelter to _"}},
                {"sight",
                 {"a castle", "a lighthouse", "the opera", "the fountain", "the zoo"},
                 {"keeps its door open to show you _", "is very proud of _"}}},
  };
}

Domain shop() {
  return {
      .name = "shop",
      .openings = {"_", "Visit _ , which", "At _ you find a shop that"},
      .subjects = {"It", "The shop", "People say it"},
      .joints = {" and ", " , while it ", " ; and it "},
      .slots = {{"seller", {}, {"employs _", "sends you to _"}},
                {"place", {}, {"welcomes you at _ place", "looks over the place of _"}},
                {"goods",
                 {"shoes", "lamps", "green tables", "pots", "vegetables", "glasses"},
                 {"sells _ to everybody", "shows its _"}},
                {"cost",
                 {"10 pounds", "15 pounds", "30 pounds", "60 pounds"},
                 {"charges _ for most things", "takes _ from you"}},
                {"day",
                 {"Thursdays", "Fridays", "Saturdays", "holidays"},
                 {"is shut on _", "opens late on _"}},
                {"mood",
                 {"friendly", "hungry", "tired", "generous"},
                 {"makes you _", "is praised by _ people"}}},
  };
}

Domain recipe() {
  return {
      .name = "recipe",
      .openings = {"Cook _ , which", "Try _ : it", "The dish _"},
      .subjects = {"Moreover it", "The dish", "It"},
      .joints = {" and ", " yet ", " , while it "},
      .slots = {{"cook", {}, {"was first stirred by the cook _", "is praised by chef _"}},
                {"kitchen",
                 {"French", "Indian", "Chinese", "German", "Brazilian"},
                 {"is a _ dish", "belongs to _ cooking"}},
                {"drink",
                 {"coffee", "black tea", "orange juice", "milk", "beer"},
                 {"tastes best with a glass of _", "is served with _"}},
                {"time",
                 {"12 minutes", "18 minutes", "25 minutes", "40 minutes"},
                 {"stays in the pot for _", "rests for _"}},
                {"taste",
                 {"sweet", "sour", "salty", "bitter"},
                 {"is _", "tempts the guests as a _ menu"}},
                {"guests",
                 {"four guests", "five guests", "eight guests"},
                 {"fills _", "is enough for _"}}},
  };
}

Domain concert() {
  return {
      .name = "concert",
      .openings = {"Hear _ , which", "Tonight there is _ : it", "_ is a concert that"},
      .subjects = {"Critics say it", "The concert", "It even"},
      .joints = {" and ", " ; it ", " , where it "},
      .slots = {{"singer", {}, {"lets _ sing", "brings back the voice of _"}},
                {"hall", {}, {"takes place in _ hall", "was moved to _"}},
                {"style", {"jazz", "rock", "folk", "piano"}, {"plays _ music", "mixes in some _"}},
                {"weekday",
                 {"Monday", "Tuesday", "Wednesday", "Sunday"},
                 {"begins on _", "is on the menu for _"}},
                {"seats",
                 {"300 seats", "900 seats", "1200 seats", "4000 seats"},
                 {"offers _", "has sold _"}},
                {"ticket",
                 {"7 euros", "20 euros", "33 euros", "50 euros"},
                 {"costs _ a head", "is yours for _"}}},
  };
}

Domain animal() {
  return {
      .name = "animal",
      .openings = {"Meet _ , an animal which", "_", "In the zoo lives _ , which"},
      .subjects = {"It", "The animal", "Moreover it"},
      .joints = {" and ", " yet it ", " , while it "},
      .slots = {{"keeper", {}, {"trusts its keeper _", "is fed by _"}},
                {"kind",
                 {"tiger", "monkey", "penguin", "turtle", "camel", "kangaroo"},
                 {"is a _", "looks like a _"}},
                {"eats",
                 {"grass", "carrots", "bananas", "insects", "mice"},
                 {"eats _", "gets _ every evening"}},
                {"age",
                 {"two years", "six years", "eleven years", "thirty years"},
                 {"is _ old", "has lived here for _"}},
                {"sleeps",
                 {"at night", "at noon", "in winter", "never"},
                 {"sleeps _", "can be seen asleep _"}},
                {"from",
                 {"Africa", "Asia", "Italy", "Mexico", "Korea", "Turkey"},
                 {"came from _", "has parents in _"}}},
  };
}

Domain restaurant() {
  return {
      .name = "restaurant",
      .openings = {"Tonight guests ask for _ , because it", "If you visit _ , see that it",
                   "People in town say that _"},
      .subjects = {"People say that it", "At night it", "Tonight it"},
      .joints = {" , also it ", " yet again it ", " , because it "},
      .slots = {{"chef", {}, {"gives its pots to chef _", "trusts the cook called _"}},
                {"square", {}, {"opens to the street of _", "stands at the place of _"}},
                {"cuisine",
                 {"Spanish fish", "Greek cheese", "Indian duck", "Russian mushrooms"},
                 {"lets guests taste _", "cooks _ every evening"}},
                {"drinks",
                 {"green tea", "sweet milk", "black beer", "orange tea"},
                 {"fills your glass with _", "is best with _"}},
                {"bill",
                 {"7 pounds", "20 pounds", "33 pounds", "50 pounds"},
                 {"asks _ of its guests", "lets you spend _"}},
                {"closed",
                 {"Monday night", "Sunday night", "Wednesday noon", "Tuesday noon"},
                 {"is asleep on _", "never works on _"}}},
  };
}

}  // namespace

const std::vector<std::string_view>& name_words() {
  static const std::vector<std::string_view> all = {
      "Avon", "Bela", "Cato", "Dara",  "Elmo", "Faro",  "Gala", "Hugo",
      "Iris", "Juno", "Kiro", "Luna",  "Milo", "Nora",  "Oren", "Pico",
      "Rosa", "Silo", "Tova", "Umbra", "Vera", "Wilma", "Xeno", "Yara"};
  return all;
}

const std::vector<Domain>& general_domains() {
  static const std::vector<Domain> domains = {hotel(), book(),   phone(),   boat(),  city(),
                                              shop(),  recipe(), concert(), animal()};
  return domains;
}

const Domain& held_out_domain() {
  static const Domain domain = restaurant();
  return domain;
}

}  // namespace solo::quickstart
