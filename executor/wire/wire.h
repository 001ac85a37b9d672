#pragma once
// What the shim inside a sandbox says to the gate outside, over a Unix stream socket:
//   header: 8 bytes magic, then the payload's length as 32-bit little endian; the first byte carries four descriptors (SCM_RIGHTS): standard
//           input, output, error, and the sandbox's root folder "/", against which the gate resolves every path the job names;
//   payload: three lists (arguments, environment, and the working directory as a list of one), each a 32-bit count, then length and bytes of
//           every string;
//   reply:  the exit code as 32-bit little endian, when the work is done, or kRunYourOwn. Closing the connection earlier cancels the work.
// Standard library only: the shim is one small static program that runs in any image.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scangate::wire {

inline constexpr std::string_view kMagic{"SCGATE1\n", 8};
inline constexpr std::size_t kHeaderBytes = 12;
inline constexpr int kDescriptors = 4;
// Linux allows 2 MiB of arguments and environment with the usual stack limit (execve(2)); twice that is generous.
inline constexpr std::uint32_t kMaxPayloadBytes = 4U << 20U;
inline constexpr std::uint32_t kMaxStrings = 65536;

struct Request {
  std::vector<std::string> arguments;    // as the job's shell gave them, [0] is the name it called
  std::vector<std::string> environment;  // "NAME=value"
  std::string directory;                 // in the sandbox
};

std::string encode(const Request& request);
// nullopt for anything that is not exactly one well-formed request.
std::optional<Request> decode(std::string_view payload);

std::string encode_header(std::uint32_t payload_bytes);
// The payload's length; nullopt for a wrong magic or a length above the cap.
std::optional<std::uint32_t> decode_header(std::string_view header);

// In place of an exit code: the command is none of the gate's, and the shim becomes the next program of its name on PATH.
inline constexpr std::uint32_t kRunYourOwn = 0x100;

std::string encode_u32(std::uint32_t value);
std::uint32_t decode_u32(std::string_view four_bytes);

// Where the sandbox sees the gate's folder: the socket, and the shim under every name it answers to.
inline constexpr const char* kFolder = "/scangate";
inline constexpr const char* kSocket = "/scangate/gate.sock";
inline constexpr const char* kCommands = "/scangate/bin";

}  // namespace scangate::wire
