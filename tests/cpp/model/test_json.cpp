// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <check.hpp>
#include <danaus/model/json.hpp>

using danaus::Error;
using danaus::Json;
using danaus::JsonKind;

namespace {

/// One document with everything in it.
constexpr std::string_view everything =
    " {\"layers\": [{\"width\": 64, \"rate\": -1.5e-3}, {\"width\": -1}],\t\"on\": true, \"off\": false,\r\n"
    "\"none\": null, \"empty\": {}, \"list\": [], \"text\": \"a\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\", "
    "\"odd key\": [[1]]} \n";

bool accepts(std::string_view text) {
  try {
    static_cast<void>(Json::parse(text));
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TEST(json_gives_the_values_of_a_document) {
  const Json json = Json::parse(everything);
  CHECK(json.kind() == JsonKind::object && json.count() == 8);
  CHECK(json.at("layers").count() == 2);
  CHECK(json.at("layers").at(0).at("width").size() == 64);
  CHECK(json.at("layers").at(0).at("rate").number() == -1.5e-3);
  CHECK(json.at("layers").at(1).at("width").integer() == -1);
  CHECK(json.at("on").boolean() && !json.at("off").boolean());
  CHECK(json.at("none").is_null() && !json.at("on").is_null());
  CHECK(json.at("empty").count() == 0 && json.at("list").count() == 0);
  CHECK(json.at("text").string() == "a\xC3\xA9\xF0\x9F\x98\x80\"\\/\b\f\n\r\t");
  CHECK(json.find("text").has_value() && !json.find("tex").has_value() && !json.at("empty").find("").has_value());
}

TEST(json_keeps_the_order_and_outlives_its_root) {
  std::string keys;
  for (const auto& [key, value] : Json::parse(everything).items()) keys += std::string(key) + " ";
  CHECK(keys == "layers on off none empty list text odd key ");
  std::string widths;
  for (const Json layer : Json::parse(everything).at("layers").elements()) {
    widths += std::to_string(layer.at("width").integer()) + " ";
  }
  CHECK(widths == "64 -1 ");
}

TEST(json_paths_name_the_way_from_the_root) {
  const Json json = Json::parse(everything, "config");
  CHECK(json.path() == "config");
  CHECK(json.at("layers").at(1).at("width").path() == "config.layers[1].width");
  CHECK(json.at("odd key").at(0).at(0).path() == "config.\"odd key\"[0][0]");
  for (const auto& [key, value] : json.items()) CHECK(key == "odd key" || value.path() == "config." + std::string(key));
}

TEST(json_accessors_say_what_is_wrong_and_where) {
  const Json json = Json::parse(everything, "config");
  const Json layer = json.at("layers").at(1);
  CHECK_RAISES(layer.at("width").size(), Error,
               "json.size: config.layers[1].width must be a non-negative integer, is the number -1");
  CHECK_RAISES(layer.at("width").string(), Error, "json.string: config.layers[1].width must be a string");
  CHECK_RAISES(layer.at("depth"), Error, "json.at: config.layers[1] must have the member \"depth\", has \"width\"");
  CHECK_RAISES(json.at("empty").at("x"), Error, "has none");
  CHECK_RAISES(json.at("layers").at(2), Error, "config.layers must be an array of more than 2, is an array of 2");
  CHECK_RAISES(json.at("none").number(), Error, "config.none must be a number, is null");
  CHECK_RAISES(json.at("on").count(), Error, "config.on must be an array or an object, is true");
  CHECK_RAISES(json.at("text").boolean(), Error, "must be true or false, is the string");
  CHECK_RAISES(json.at("text").elements(), Error, "must be an array");
  CHECK_RAISES(json.at("list").items(), Error, "must be an object, is an array of 0");
  CHECK_RAISES(json.at("list").find("a"), Error, "must be an object");
  CHECK_RAISES(json.integer(), Error, "config must be an integer of 64 bits, is an object");
}

TEST(json_reads_integers_exactly) {
  const auto value = [](const char* text) { return Json::parse(text); };
  CHECK(value("18446744073709551615").size() == std::numeric_limits<std::size_t>::max() || sizeof(std::size_t) < 8);
  CHECK(value("9007199254740993").integer() == 9007199254740993);
  CHECK(value("9223372036854775807").integer() == std::numeric_limits<std::int64_t>::max());
  CHECK(value("-9223372036854775808").integer() == std::numeric_limits<std::int64_t>::min());
  CHECK(value("0").size() == 0);
  for (const char* const text : {"18446744073709551616", "-1", "-0", "1.0", "1e3", "0.5", "\"1\"", "[1]"}) {
    CHECK_RAISES(value(text).size(), Error, "non-negative integer");
  }
  for (const char* const text : {"9223372036854775808", "-9223372036854775809", "-0", "1.0", "1e3"}) {
    CHECK_RAISES(value(text).integer(), Error, "an integer of 64 bits");
  }
}

TEST(json_reads_the_nearest_double) {
  const std::vector<std::pair<const char*, double>> cases = {
      {"0", 0.0},
      {"1E+2", 100.0},
      {"0.1", 0.1},
      {"5e-324", 0x1p-1074},
      {"1.7976931348623157e308", std::numeric_limits<double>::max()},
      {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
      {"9007199254740993", 9007199254740992.0},
      {"0.500000000000000166533453693773481063544750213623046875", 0.5000000000000002},
      {"123456789012345678901234567890", 123456789012345678901234567890.0}};
  for (const auto& [text, want] : cases) CHECK(Json::parse(text).number() == want);
  CHECK(std::signbit(Json::parse("-0").number()) && std::signbit(Json::parse("-0.0").number()));
}

TEST(json_refuses_what_the_grammar_does_not_have) {
  for (const char* const text : {"",
                                 " ",
                                 "[",
                                 "]",
                                 "{",
                                 "}",
                                 "[1,]",
                                 "[,1]",
                                 "[1 2]",
                                 "[1}",
                                 "{1:2}",
                                 "{\"a\"",
                                 "{\"a\":",
                                 "{a:1}",
                                 "{\"a\":1,}",
                                 "{\"a\" 1}",
                                 "{,}",
                                 "01",
                                 "-01",
                                 "1.",
                                 ".5",
                                 "+1",
                                 "-",
                                 "1e",
                                 "1e+",
                                 "--1",
                                 "0x10",
                                 "1_0",
                                 "NaN",
                                 "Infinity",
                                 "-Infinity",
                                 "nul",
                                 "nulll",
                                 "True",
                                 "truefalse",
                                 "'a'",
                                 "\"",
                                 "\"a",
                                 "\"\\",
                                 "\"\\\"",
                                 "\"\\x\"",
                                 "\"\\u\"",
                                 "\"\\u12\"",
                                 "\"\\u12g4\"",
                                 "\"\\u+123\"",
                                 "\"\\u-123\"",
                                 "\"\\U0041\"",
                                 "1 2",
                                 "[]]",
                                 "// a\n1",
                                 "\xEF\xBB\xBF"
                                 "1",
                                 "\"a\tb\"",
                                 "\"a\nb\"",
                                 "\v1",
                                 "\f1",
                                 "1,",
                                 "[1]x"}) {
    if (accepts(text)) check::fail(__FILE__, __LINE__, "accepted", text);
  }
  CHECK(!accepts(std::string_view("1\0", 2)) && !accepts(std::string_view("\"a\0b\"", 5)));
}

TEST(json_parse_says_what_and_where) {
  CHECK_RAISES(Json::parse("[1, 2", "config"), Error,
               "json.parse: config must have a comma or the closing bracket at byte 5, ends there");
  CHECK_RAISES(Json::parse("[1, x]"), Error, "must have a value at byte 4, has \"x]\"");
  CHECK_RAISES(Json::parse("{\"a\":1 \"b\":2}"), Error, "a comma or the closing brace at byte 7");
  CHECK_RAISES(Json::parse("{\"k\":1,\"\\u006b\":2}"), Error, "each key of an object once, has \"k\" twice");
  CHECK_RAISES(Json::parse("[{\"b\":1,\"a\":1,\"b\":[]}]"), Error, "has \"b\" twice in the object at byte 1");
  CHECK_RAISES(Json::parse("1e309"), Error, "a number that a double can hold at byte 0");
  CHECK_RAISES(Json::parse("\"\\q\""), Error, "an escape that JSON knows at byte 2");
  CHECK_RAISES(Json::parse("\"a\x01\""), Error, "no control character in a string at byte 2");
  CHECK(accepts("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"));
}

TEST(json_takes_only_well_formed_utf8) {
  for (const char* const good : {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                                 "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(Json::parse(danaus::concat("\"", good, "\"")).string() == good);
  }
  for (const char* const bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE1\x80", "\xE1\x80\x41",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    CHECK_RAISES(Json::parse(danaus::concat("\"", bad, "\"")), Error, "well-formed UTF-8 at byte 1");
  }
}

TEST(json_escapes_give_every_code_point) {
  const auto read = [](const char* text) { return Json::parse(text).string(); };
  CHECK(read("\"\\u0041\\u007f\\u0080\\u07ff\\u0800\\uFFFF\"") == "A\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  CHECK(read("\"\\ud800\\udc00\\uDBFF\\uDFFF\"") == "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
  CHECK(read("\"\\u0000\"") == std::string(1, '\0'));
  for (const char* const text : {"\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"",
                                 "\"\\ud800\\ud800\"", "\"\\udc00\"", "\"\\udc00\\ud800\""}) {
    CHECK_RAISES(Json::parse(text), Error, "surrogate");
  }
}

TEST(json_depth_is_limited) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(accepts(nested(64)));
  CHECK_RAISES(Json::parse(nested(65)), Error, "at most 64 levels of arrays and objects at byte 64");
  CHECK_RAISES(Json::parse(std::string(1000000, '[')), Error, "64 levels");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK_RAISES(Json::parse(objects), Error, "64 levels");
}

TEST(json_truncated_anywhere_raises) {
  const std::string_view text = everything.substr(0, everything.find_last_of('}') + 1);
  CHECK(accepts(text));
  for (std::size_t n = 0; n < text.size(); ++n) CHECK_RAISES(Json::parse(text.substr(0, n)), Error, "json.parse: ");
}

TEST(json_messages_are_short_and_printable) {
  const std::string hostile = std::string(1000, 'x') + "\x7F\xC2\x80";
  try {
    static_cast<void>(Json::parse("{\"" + hostile + "\":\"\\u0001\\n\"}").items().begin().operator*().value.number());
    check::fail(__FILE__, __LINE__, "number of a string", "does not raise");
  } catch (const Error& error) {
    const std::string_view message = error.what();
    CHECK(message.size() < 200 && message.find("is the string \"??\"") != std::string_view::npos);
  }
  CHECK(danaus::quoted("\xC3\xA9\xC3\xA9", 3) == "\"\xC3\xA9\xC3\xA9\"");
  CHECK(danaus::quoted("\xC3\xA9\xC3\xA9", 2) == "\"\xC3\xA9...\"");
  CHECK(danaus::quoted("\xFF\n\x7F") == "\"???\"");
}
