#include <cstdlib>

#include "scan/policy/parse.h"
#include "scan/policy/policy.h"

namespace scangate {

std::string_view Policy::builtin_default_yaml() {
  return R"yaml(# What applies where the host has no policy file. docs/policy.md describes the language.
name: default
# The project's .scangate.yaml may except single findings, each with its reason.
allow_exceptions: true
rules:
  - name: stop-malware
    title: releases published as malware
    action: stop
    when: {id: "MAL-*"}
  - name: stop-fixable-high
    title: High and Critical vulnerabilities with a fix
    action: stop
    when: {kind: vulnerability, severity: ">= high", fix: available}
  - name: stop-ssh-port
    title: port 22 is exposed
    action: stop
    when: {port: [22]}
  - name: warn-unknown-severity
    title: vulnerabilities that nobody has rated
    action: warn
    when: {kind: vulnerability, severity: unknown}
  - name: warn-secret-in-env
    title: environment variables that look like secrets
    action: warn
    when: {env: secret}
  - name: warn-root-user
    title: the image runs as root
    action: warn
    when: {user: root}
  - name: warn-not-comparable
    title: versions that cannot be compared with advisories
    action: warn
    when: {kind: data}
)yaml";
}

const Policy& Policy::builtin_default() {
  static const Policy kPolicy = [] {
    auto policy = parse(builtin_default_yaml(), "built-in policy");
    if (!policy) std::abort();  // the text above is wrong; a test reads it
    return std::move(*policy);
  }();
  return kPolicy;
}

}  // namespace scangate
