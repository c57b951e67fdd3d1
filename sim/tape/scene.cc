// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/scene.h"

#include <algorithm>

#include "sim/tape/fields.h"

namespace uringsim::sim::tape {

namespace {

constexpr u64 kMostEntries = 1u << 15;

std::string ring_name(const Json& step) {
  const auto named = step.find("ring");
  return named == step.end() || !named->is_string() ? "r" : named->get<std::string>();
}

u32 flags_of(const Json& step, Names names) {
  const auto flags = step.find("flags");
  return flags == step.end() ? 0 : flag_word(names, *flags);
}

}  // namespace

Scene::Scene(const Tape& tape) : tape_(tape) {
  for (size_t i = 0; i < tape.steps.size(); i++) {
    const Json& body = tape.steps[i].body;
    read(i, body["do"] == "later" ? body["step"] : body);
    read_answers(tape.steps[i]);
  }
  while (!batch_.empty()) {
    end_batch(batch_.begin()->first);
    batch_.erase(batch_.begin());
  }
}

void Scene::read(size_t step, const Json& body) {
  const std::string kind = body["do"];
  if (kind == "buf" || kind == "mem") memories_[body["name"]] = &body;
  if (kind == "file") files_[body["name"]] = &body;
  if (kind == "close") closed_.insert(body["name"].get<std::string>());
  if (kind == "setup") {
    SceneRing ring{flags_of(body, kSetupFlags), body["entries"].get<u64>(), 2};
    while (ring.completions < 2 * std::min(ring.entries, kMostEntries)) ring.completions *= 2;
    rings_.emplace(ring_name(body), ring);
  }
  if (kind == "sqe") read_request(step, body);
  if (kind == "reap" && !body.contains("max")) owed_[ring_name(body)] = 0;
  if (kind == "enter") end_batch(ring_name(body));
}

void Scene::end_batch(const std::string& ring) {
  open_chain_.erase(ring);
  std::vector<size_t>& batch = batch_[ring];
  for (size_t i = 0; i < batch.size(); i++) requests_[batch[i]].behind = batch.size() - 1 - i;
  batch.clear();
}

void Scene::read_request(size_t step, const Json& body) {
  Request request;
  request.step = step;
  request.sqe = &body;
  request.ring = ring_name(body);
  request.number = prepared_[request.ring]++;
  request.owed = ++owed_[request.ring];
  request.opcode = code(kOperations, body["op"]);
  request.flags = flags_of(body, kSqeFlags);
  request.user_data = number_or(body, "ud", 0);
  const auto before = open_chain_.find(request.ring);
  request.chain = before == open_chain_.end() ? requests_.size() : requests_[before->second].chain;
  open_chain_.erase(request.ring);
  if (request.flags & uapi::IOSQE_IO_LINK) open_chain_[request.ring] = requests_.size();
  batch_[request.ring].push_back(requests_.size());
  requests_.push_back(std::move(request));
}

void Scene::read_answers(const Step& step) {
  if (step.body["do"] != "reap" || !step.out.is_object() || !step.out.contains("cqes")) return;
  const std::string ring = ring_name(step.body);
  for (const Json& cqe : step.out["cqes"]) {
    if (!cqe.is_array() || cqe.size() < 2 || !cqe[0].is_number() || !cqe[1].is_number()) continue;
    const u64 user_data = cqe[0].get<u64>();
    const auto request = std::find_if(requests_.rbegin(), requests_.rend(),
                                      [&](const Request& r) { return r.ring == ring && r.user_data == user_data; });
    if (request != requests_.rend()) request->said.push_back(cqe[1].get<s64>());
  }
}

const SceneRing* Scene::ring(const std::string& name) const {
  const auto found = rings_.find(name);
  return found == rings_.end() ? nullptr : &found->second;
}

const Request* Scene::written_by(size_t step) const {
  const auto found = std::find_if(requests_.begin(), requests_.end(), [&](const Request& r) { return r.step == step; });
  return found == requests_.end() ? nullptr : &*found;
}

const Request* Scene::completed(const std::string& ring, u64 user_data, size_t step) const {
  const auto found = std::find_if(requests_.rbegin(), requests_.rend(),
                                  [&](const Request& r) { return r.ring == ring && r.user_data == user_data && r.step < step; });
  return found == requests_.rend() ? nullptr : &*found;
}

const Json* Scene::memory(const Json& value) const {
  const Json& name = value.is_array() && !value.empty() ? value[0] : value;
  if (!name.is_string()) return nullptr;
  const auto found = memories_.find(name.get<std::string>());
  return found == memories_.end() ? nullptr : found->second;
}

const Json* Scene::file(const Json& descriptor) const {
  if (!descriptor.is_string()) return nullptr;
  const std::string name = descriptor;
  const auto found = files_.find(name);
  if (found != files_.end()) return found->second;
  const auto end = files_.find(name.substr(0, name.rfind('.')));  // NAME.r, NAME.w, NAME.a, NAME.b
  return end == files_.end() ? nullptr : end->second;
}

bool Scene::may_be_closed(const Json& descriptor) const {
  if (!descriptor.is_string() || closed_.count(descriptor.get<std::string>()) != 0) return true;
  const Json* const made = file(descriptor);
  return made && (*made)["kind"] == "closed";
}

}  // namespace uringsim::sim::tape
