#pragma once
// The job token in the body of a trigger request, where GitLab's documentation tells people to put it (curl --form
// token=$CI_JOB_TOKEN).
#include <string>
#include <string_view>

#include "executor/broker/broker.h"

namespace scangate {

// Reveals the field `token` alone, in application/x-www-form-urlencoded, multipart/form-data (RFC 7578) and JSON
// bodies. Everywhere else placeholders stay: a variable of the triggered pipeline would carry the value back to the
// job.
std::string reveal_trigger_token(std::string_view content_type, std::string_view body, const Broker& broker,
                                 std::string_view host);

}  // namespace scangate
