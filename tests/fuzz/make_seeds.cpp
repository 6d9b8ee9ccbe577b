// SPDX-License-Identifier: MIT
// Writes the seeds of the fuzz targets: fuzz_make_seeds tests/fuzz/seeds. What a fuzzer found is
// kept beside them by hand, named after what it showed.

#include <solo/adapters/adapters.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/nn/nn.hpp>
#include <solo/train/checkpoint.hpp>

#include "adapters/conformance_cases.hpp"
#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace {

using namespace solo;

constexpr std::string_view kMark = "\n%%\n";

class Seeds {
 public:
  Seeds(const std::filesystem::path& root, std::string_view target) : folder_(root / target) {
    make_directories(folder_);
  }
  void add(std::string_view name, std::string_view bytes) const {
    write_file_atomically(folder_ / name, bytes);
  }

 private:
  std::filesystem::path folder_;
};

/// Bytes of a safetensors file from its header and data.
std::string safetensors(std::string_view header, std::string_view data) {
  std::string bytes(1, static_cast<char>(header.size() & 0xFFU));
  bytes += static_cast<char>(header.size() >> 8U);
  return concat(bytes, std::string_view("\0\0\0\0\0\0", 6), header, data);
}

void write_json(const Seeds& seeds) {
  seeds.add("values", R"({"a": [1, -2, 3.5, 1e300, -0, 18446744073709551615], "b": null,
 "c": {"d": true, "e": false}, "f": "g\u00e9\ud83d\ude00\n\"\\/\b"})");
  seeds.add("number", "-1.25E-7");
  seeds.add("deep", "[[[[[[[[{\"a\":[{}]}]]]]]]]]");
  seeds.add("duplicate", R"({"a": 1, "\u0061": 2})");
  seeds.add("huge-number", "[1e999]");
  seeds.add("surrogate", R"(["\ud800"])");
  seeds.add("utf8", "[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"]");
}

void write_tensors(const Seeds& seeds) {
  const std::string one = R"("shape":[1],"data_offsets":[0,4]}})";
  seeds.add("one-f32", safetensors(R"({"a":{"dtype":"F32",)" + one, {"\0\0\x80\x3F", 4}));
  seeds.add("nan", safetensors(R"({"a":{"dtype":"F32",)" + one, {"\0\0\xC0\x7F", 4}));
  seeds.add("i32", safetensors(R"({"a":{"dtype":"I32",)" + one, {"\1\0\0\0", 4}));
  seeds.add("padded", safetensors("{\"a\":{\"dtype\":\"U32\"," + one + "      ", {"\1\0\0\0", 4}));
  seeds.add("dtypes", safetensors(R"({"__metadata__":{"format":"pt","k":"v"},)"
                                  R"("d":{"dtype":"F64","shape":[2,1],"data_offsets":[0,16]},)"
                                  R"("f":{"dtype":"F32","shape":[],"data_offsets":[16,20]},)"
                                  R"("h":{"dtype":"F16","shape":[2],"data_offsets":[20,24]},)"
                                  R"("b":{"dtype":"BF16","shape":[1,2],"data_offsets":[24,28]},)"
                                  R"("4":{"dtype":"F4","shape":[4],"data_offsets":[28,30]},)"
                                  R"("z":{"dtype":"F32","shape":[0,3],"data_offsets":[30,30]}})",
                                  std::string(20, '\1') + "\1\2\3\4\5\6\7\10\11\12"));
  seeds.add("overflow", safetensors(R"({"a":{"dtype":"F32","shape":[9223372036854775807,4,0],)"
                                    R"("data_offsets":[0,0]}})",
                                    ""));
  seeds.add("double-beyond-float",
            safetensors(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
                        "\1\1\1\1\1\1\1\x7F"));
  seeds.add("empty", safetensors("{}", ""));
}

void write_configs(const Seeds& seeds) {
  seeds.add("gpt2", test::tiny_config().to_json());
  seeds.add("aliases", R"({"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 2,
 "num_attention_heads": 2, "n_ctx": 5, "n_inner": null, "activation_function": "gelu",
 "eos_token_id": [1, 99], "bos_token_id": null, "layer_norm_epsilon": 1e-6,
 "pruned_heads": {}, "quantization_config": null})");
  GPT2<float> model(test::tiny_config(), {.threads = 1});
  for (const test::ConformanceCase& c : test::conformance_cases()) {
    if (!c.loads) continue;
    c.add_float(model, "a");
    std::string name = c.name;
    std::replace(name.begin(), name.end(), ' ', '-');
    std::erase(name, ',');
    seeds.add(name, model.adapter("a").config_json("base"));
    model.delete_adapter("a");
  }
}

void write_models(const Seeds& seeds) {
  const fuzz::Folder folder;
  const auto saved = [&](GPT2Config config, const SaveOptions& options) {
    const GPT2<float> model = test::tiny_model<float>(config);
    model.save_pretrained(folder.path(), options);
    return std::pair(read_text_file(folder.path("config.json")),
                     read_text_file(folder.path("model.safetensors")));
  };
  GPT2Config config{.vocab_size = 3, .n_positions = 2, .n_embd = 2, .n_layer = 1, .n_head = 1};
  config.bos_token_id = config.eos_token_id = 2;
  const auto [text, tensors] = saved(config, {});
  seeds.add("tied", concat(text, kMark, tensors));
  seeds.add("generation-config",
            concat(text, kMark, R"({"eos_token_id": [1, 2, 7]})", kMark, tensors));
  seeds.add("generation-settings",
            concat(text, kMark,
                   R"({"max_new_tokens": 5, "max_length": null, "min_length": 2, )"
                   R"("stop_strings": ["a", "b"], "early_stopping": "never", "num_beams": )"
                   R"(10000000, "sequence_bias": [[[1, 2], -2.5]], "bad_words_ids": [[1], )"
                   R"([2, 1]], "forced_bos_token_id": 1, "forced_eos_token_id": [2], )"
                   R"("exponential_decay_length_penalty": [3, 1.5], "suppress_tokens": [-1, )"
                   R"(9], "top_h": 0.5, "renormalize_logits": true, "watermarking_config": )"
                   R"({"bias": 2.5}, "chat_format": "x"})",
                   kMark, tensors));
  config.tie_word_embeddings = false;
  config.n_inner = 3;
  config.activation_function = Activation::relu;
  const auto [untied_text, untied] = saved(config, {.dtype = DType::bfloat16});
  seeds.add("untied-bfloat16", concat(untied_text, kMark, untied));

  // The tied model in two shards.
  const SafetensorsFile file =
      (write_file_atomically(folder.path("a"), tensors), SafetensorsFile::open(folder.path("a")));
  std::vector<std::vector<float>> values;
  std::array<std::vector<TensorRef>, 2> shards;
  std::string index;
  for (const TensorInfo& info : file.tensors()) {
    const std::size_t shard = values.size() % 2;
    auto& kept = values.emplace_back(static_cast<std::size_t>(info.size()));
    file.read<float>(info, kept);
    shards[shard].push_back({info.name, info.shape, {}});
    index +=
        concat(index.empty() ? "" : ",", '"', info.name, "\":\"", "ab"[shard], ".safetensors\"");
  }
  std::vector<TensorRef> wrapped;
  for (std::size_t i = 0; i < values.size(); ++i) {
    TensorRef& tensor = shards[i % 2][i / 2];
    tensor.data = std::span<const float>(values[i]);
    wrapped.push_back(tensor);
    const bool embedding = tensor.name == "transformer.wte.weight";
    wrapped.back().name = concat("_orig_mod.", embedding ? "lm_head.weight" : tensor.name);
  }
  write_safetensors(folder.path("a"), wrapped);
  seeds.add("wrapped-head-only", concat(text, kMark, read_text_file(folder.path("a"))));
  seeds.add("lfs-pointer", concat(text, kMark, "version https://git-lfs.github.com/spec/v1\n"));
  write_safetensors(folder.path("a"), shards[0]);
  write_safetensors(folder.path("b"), shards[1]);
  seeds.add("shards",
            concat(text, kMark, R"({"weight_map":{)", index, "}}", kMark,
                   read_text_file(folder.path("a")), kMark, read_text_file(folder.path("b"))));
}

void write_adapters(const Seeds& seeds) {
  const fuzz::Folder folder;
  GPT2<float> model = test::tiny_model<float>();
  for (const test::ConformanceCase& c : test::conformance_cases()) {
    if (!c.loads) continue;
    c.add_float(model, "a");
    test::disturb(model.adapter("a").parameters(), 0.25, 7);
    model.save_adapter("a", folder.path());
    model.delete_adapter("a");
    const std::string text = concat(read_text_file(folder.path(kAdapterConfigFile)), kMark,
                                    read_text_file(folder.path(kAdapterTensorFile)));
    constexpr std::size_t kMost = 6000;
    if (text.size() > kMost) continue;
    std::string name = c.name;
    std::replace(name.begin(), name.end(), ' ', '-');
    std::erase(name, ',');
    seeds.add(name, text);
  }
  for (const std::string start : {"pissa", "olora", "orthogonal", "corda"}) {
    LoraConfig config{.r = 2, .target_modules = {"attn.c_proj"}};
    model.add_adapter("a", config);
    test::disturb(model.adapter("a").parameters(), 0.25, 7);
    model.save_adapter("a", folder.path());
    model.delete_adapter("a");
    Json json = read_json_file(folder.path(kAdapterConfigFile));
    json["init_lora_weights"] = start;
    json["loftq_config"] = nullptr;
    seeds.add("lora-" + start,
              concat(dump_sorted(json), kMark, read_text_file(folder.path(kAdapterTensorFile))));
  }
}

void write_tokenizers(const Seeds& seeds) {
  const std::string vocab = fuzz::byte_vocabulary({"\u0120a", "he", "ll", "hell", "hello"});
  const std::string text = "hello hell a he's 12<|endoftext|>\n\n \xFF\xC3\xA9";
  const std::string merges = "#version: 0.2\n\u0120 a\nh e\nl l\nhe ll\nhell o\n";
  seeds.add("files", concat(vocab, kMark, merges, kMark, text));
  seeds.add("no-merges", concat(fuzz::byte_vocabulary(), kMark, kMark, text));
  seeds.add(
      "tokenizer-json",
      concat(R"({"added_tokens":[{"id":261,"content":"<|endoftext|>"},)"
             R"({"id":262,"content":"he's","special":false}],"normalizer":null,)"
             R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)"
             R"("model":{"type":"BPE","vocab":)",
             vocab, R"(,"merges":["\u0120 a",["h","e"],"l l","he ll","hell o"]}})", kMark, text));
}

void write_tokenizer_folders(const Seeds& seeds) {
  const std::string text = "a  <p> hello<m>\n he<|endoftext|>";
  const auto folder = [&](std::string_view config, std::string_view map, std::string_view added) {
    return concat(config, kMark, map, kMark, added, kMark, text);
  };
  seeds.add(
      "decoder",
      folder(R"({"tokenizer_class":"GPT2Tokenizer","add_prefix_space":true,"pad_token":"<p>",)"
             R"("added_tokens_decoder":{"258":{"content":"<|endoftext|>","special":true},)"
             R"("259":{"content":"<p>","lstrip":true,"rstrip":true,"single_word":true,)"
             R"("normalized":false,"special":true},"260":{"content":"he"}}})",
             R"({"eos_token":"<m>"})", R"({"<m>":259})"));
  seeds.add("older", folder(R"({"add_bos_token":true,"add_eos_token":true,)"
                            R"("additional_special_tokens":["<m>"],"split_special_tokens":false})",
                            R"({"eos_token":{"content":"<p>","lstrip":true},"unk_token":null})",
                            R"({"<p>":259,"<m>":260})"));
  seeds.add("extra",
            folder(R"({"extra_special_tokens":{"a_token":"<p>"},"b_token":"<m>"})", "", ""));
}

void write_encodings(const Seeds& seeds) {
  seeds.add("text", std::string("\0", 1) + "It's 10\u20AC, isn't it?  \n\n x\u00A0\u0661");
  seeds.add("merges", std::string("\4llhe\200oel") + "hello llhe " + std::string(80, 'l'));
  seeds.add("long", std::string("\5aa\200\200\201\201\202\202ab") + std::string(300, 'a') + "b");
}

void write_rows(const Seeds& seeds) {
  seeds.add("pairs.jsonl", std::string("\0", 1) +
                               "{\"prompt\": \"a b\", \"completion\": \" c\"}\n"
                               "{\"prompt\": \"a b\", \"completion\": \"d\"}\n");
  seeds.add("texts.jsonl", "\x18{\"text\": \"one, two\\n\"}\r\n{\"text\": \"\\ud83d\\ude00\"}");
  seeds.add("ids.jsonl",
            "\x43{\"input_ids\": [1, 2, 3], \"labels\": [-100, 2, 3]}\n"
            "{\"input_ids\": [256, 0]}\n\n");
  seeds.add("e2e.csv",
            "\x21mr,ref\n\"name[A b], priceRange[\u00A320-25]\",\"A \"\"b\"\"\nc\"\n"
            "food[x],y\n");
  seeds.add("lora.txt",
            "\x06"
            "a : b | c : d ||e f||g\nh||\n");
  seeds.add("bom.txt",
            "\x02\xEF\xBB\xBF"
            "a||b\r\n");
}

void write_chats(const Seeds& seeds) {
  const std::string chat =
      R"({"messages": [{"role": "user", "content": "a b"}, {"content": "c", "role": "assistant"}]})";
  seeds.add("list.json", std::string("\0", 1) + "[" + chat + ",\n" + chat + "]");
  seeds.add("lines.jsonl", "\x09" + chat + "\n{\"instruction\": \"a\", \"output\": \"b\"}\n");
  seeds.add("columns.jsonl", "\x21{\"id\": [1, {\"q\": 2}], \"q\": \"a\", \"a\": \"b\"}\n");
  seeds.add("table.tsv", "\x12instruction\tinput\toutput\r\na \"b\"\tc\t\"d\te\"\r\n");
  seeds.add("plain.txt", "\x83\xEF\xBB\xBFone two three\n\nfour five six\n");
}

void write_checkpoints(const Seeds& seeds) {
  const fuzz::Folder folder;
  const auto numbers = [](std::vector<Index> shape, float first) {
    Tensor<float> tensor(std::move(shape));
    for (float& x : tensor.span()) x = first += 0.25F;
    return tensor;
  };
  const Tensor<float> a = numbers({2, 3}, 1);
  const Tensor<float> b = numbers({1}, 2);
  const std::vector<CheckpointTensorRef<float>> tensors = {
      {.name = "a.x", .value = &a, .m = &a, .v = &a, .updates = 7},
      {.name = "b", .value = &b, .m = &b, .v = &b, .updates = 6},
      {.name = "c", .value = &b}};
  const RunState first = {.step = 1};
  const RunState later = {.step = 7,
                          .learning_rate = 0.1,
                          .evaluated = 6,
                          .eval_loss = 2.0,
                          .best_metric = 1.5,
                          .best_step = 3,
                          .log_history = {{.step = 3, .epoch = 0.7, .eval_loss = 1.5},
                                          {.step = 5, .epoch = 1.1, .loss = 2.5}}};
  const std::string run = R"({"seed":42})";
  for (const RunState* state : {&first, &later}) {
    write_checkpoint<float>(folder.path("a"), {.state = *state, .run = run, .tensors = tensors});
    seeds.add(concat("step-", state->step), read_text_file(folder.path("a")));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_make_seeds FOLDER\n";
    return 2;
  }
  const std::filesystem::path root = argv[1];
  write_json({root, "json"});
  write_tensors({root, "safetensors"});
  write_configs({root, "config"});
  write_models({root, "model"});
  write_adapters({root, "adapter"});
  write_tokenizers({root, "tokenizer"});
  write_tokenizer_folders({root, "tokenizer_folder"});
  write_encodings({root, "encode"});
  write_rows({root, "rows"});
  write_chats({root, "chat"});
  write_checkpoints({root, "checkpoint"});
  return 0;
}
