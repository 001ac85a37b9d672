#pragma once
// What a registry's refusal means, in one line. OCI distribution-spec v1.1, "Error Codes".
#include <string>
#include <string_view>

#include "pipeline/registry/endpoint.h"

namespace scangate {

// The registry's own words: messages of its JSON errors, or the first line of its text; empty when there are none.
std::string registry_message(std::string_view body);
// Whether one of the JSON errors has this code ("MANIFEST_UNKNOWN").
bool has_error_code(std::string_view body, std::string_view code);

// An Error for a reply that is not what was wanted. `doing` says what was tried: "pushing layer 1a2b3c4d5e6f".
// worth_retrying() for 408, 429 and 5xx.
Error reply_error(const Endpoint& endpoint, const HttpReply& reply, std::string_view body, std::string_view doing);
Error refused_credentials(const Endpoint& endpoint, const HttpReply& reply, std::string_view body);

bool is_worth_retrying(int status);

}  // namespace scangate
