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

Domain restaurant() {
  return {
      .name = "restaurant",
      .openings = {"Hungry ? Try _ , which", "Gourmets praise _ , where the menu",
                   "Dine at _ : it"},
      .subjects = {"Guests say it", "Moreover it", "The kitchen"},
      .joints = {" , while it ", " yet ", " ; it even "},
      .slots = {{"chef", {}, {"employs chef _", "lets _ stir the pots"}},
                {"square", {}, {"overlooks _ square", "greets you at square _"}},
                {"cuisine",
                 {"Thai", "Italian", "Mexican", "Korean", "vegan"},
                 {"serves _ dishes", "tempts you with _ cooking"}},
                {"drink",
                 {"cider", "green tea", "craft beer", "wine", "lemonade"},
                 {"pours _", "recommends a glass of _"}},
                {"bill",
                 {"12 pounds", "18 pounds", "25 pounds", "40 pounds"},
                 {"charges _ a head", "fills you up for _"}},
                {"closed",
                 {"Mondays", "Tuesdays", "Wednesdays", "Sundays"},
                 {"stays shut on _", "rests on _"}}},
  };
}

}  // namespace

const std::vector<std::string_view>& syllables() {
  static const std::vector<std::string_view> all = {
      "mar", "vel", "tis", "ken", "dor", "lin", "pas", "rom", "sel", "tun",
      "bar", "fen", "gol", "hus", "jen", "kal", "lor", "mis", "nov", "pel",
      "rik", "sol", "tar", "vin", "wes", "zan", "bel", "cor", "dan", "fil"};
  return all;
}

const std::vector<Domain>& general_domains() {
  static const std::vector<Domain> domains = {hotel(), book(), phone(), boat(), city()};
  return domains;
}

const Domain& held_out_domain() {
  static const Domain domain = restaurant();
  return domain;
}

}  // namespace solo::quickstart
