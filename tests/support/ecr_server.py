"""A stand-in for Amazon ECR's API on loopback, strict about signatures: every request's Signature Version 4 is computed anew from what arrived, as the AWS
General Reference describes it, and compared. The registry behind it is a real docker-registry that takes user AWS with the password of the day."""

import base64
import contextlib
import crypt
import datetime
import hashlib
import hmac
import http.server
import json
import pathlib
import secrets
import threading

ACCESS_KEY = "AKIDSTANDINEXAMPLE"
ACCOUNT = "123456789012"
REGION = "eu-west-1"


def htpasswd(path, password):
    """bcrypt at its cheapest: docker-registry takes nothing else."""
    salt = "".join(secrets.choice("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") for _ in range(21)) + "."
    pathlib.Path(path).write_text("AWS:" + crypt.crypt(password, "$2b$05$" + salt) + "\n")
    return path


class Refused(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def signed_by(method, path, headers, body, secret, now):
    """Raises Refused unless the Authorization header is exactly what the keys give. Gives (service, region)."""
    header = headers.get("authorization", "")
    if not header.startswith("AWS4-HMAC-SHA256 "):
        raise Refused("MissingAuthenticationTokenException", "no signature", 403)
    fields = dict(part.strip().split("=", 1) for part in header.split(" ", 1)[1].split(","))
    key, day, region, service, end = fields["Credential"].split("/")
    names = fields["SignedHeaders"].split(";")
    if key != ACCESS_KEY or end != "aws4_request":
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
    needed = {"host", "x-amz-date"} | {n for n in headers if n.startswith("x-amz-")}
    if names != sorted(names) or not needed <= set(names):
        raise Refused("InvalidSignatureException", f"signed headers {names}, needed {sorted(needed)}", 403)
    time = headers["x-amz-date"]
    moment = datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((now - moment).total_seconds()) > 300 or not time.startswith(day):
        raise Refused("InvalidSignatureException", f"signature of {time}", 403)
    canonical = "\n".join([method, path, "", *(f"{n}:{' '.join(headers[n].split())}" for n in names), "", ";".join(names), hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signing = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(hmac.new(signing, text.encode(), hashlib.sha256).hexdigest(), fields["Signature"]):
        raise Refused("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.", 403)
    return service, region


class EcrServer:
    def __init__(self, secret_key, session_token=""):
        self.secret_key, self.session_token = secret_key, session_token
        self.password = secrets.token_hex(20)
        self.registry_url = None  # set by the test when its registry runs
        self.repositories = {}
        self.calls = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                try:
                    status, answer = 200, outer.serve(self.path, headers, body)
                except Refused as refused:
                    status, answer = refused.status, {"__type": refused.code, "message": refused.message}
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", headers.get("content-type", "application/json"))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = "http://" + self.host
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def serve(self, path, headers, body):
        service, region = signed_by("POST", path, headers, body, self.secret_key, datetime.datetime.now(datetime.timezone.utc))
        if headers.get("x-amz-security-token", "") != self.session_token:
            raise Refused("ExpiredTokenException", "The security token included in the request is expired", 403)
        if service == "sts":
            if body != b"Action=GetCallerIdentity&Version=2011-06-15":
                raise Refused("InvalidAction", "not served")
            who = {"UserId": ACCESS_KEY, "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ci"}
            return {"GetCallerIdentityResponse": {"GetCallerIdentityResult": who}}
        if service != "ecr" or headers.get("content-type") != "application/x-amz-json-1.1":
            raise Refused("InvalidSignatureException", f"service {service}, type {headers.get('content-type')}")
        prefix, _, operation = headers.get("x-amz-target", "").partition(".")
        if prefix != "AmazonEC2ContainerRegistry_V20150921":
            raise Refused("UnknownOperationException", prefix)
        self.calls.append((region, operation, json.loads(body)))
        with contextlib.suppress(AttributeError):
            return getattr(self, operation)(json.loads(body))
        raise Refused("UnknownOperationException", operation)

    def GetAuthorizationToken(self, body):
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        return {"authorizationData": [{"authorizationToken": token, "expiresAt": 1800000000.0, "proxyEndpoint": self.registry_url}]}

    def CreateRepository(self, body):
        name = body["repositoryName"]
        if name in self.repositories:
            raise Refused("RepositoryAlreadyExistsException", f"The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'")
        self.repositories[name] = {"repositoryName": name, "repositoryUri": self.registry_url.split("//")[1] + "/" + name, "registryId": ACCOUNT,
                                   "imageScanningConfiguration": body.get("imageScanningConfiguration", {"scanOnPush": False})}
        return {"repository": self.repositories[name]}

    def DescribeRepositories(self, body):
        names = body.get("repositoryNames", sorted(self.repositories))
        for name in names:
            if name not in self.repositories:
                raise Refused("RepositoryNotFoundException", f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'")
        return {"repositories": [self.repositories[name] for name in names]}

    def PutImageScanningConfiguration(self, body):
        self.repositories[body["repositoryName"]]["imageScanningConfiguration"] = body["imageScanningConfiguration"]
        return {"repositoryName": body["repositoryName"], "imageScanningConfiguration": body["imageScanningConfiguration"]}

    def DescribeImageScanFindings(self, body):
        return {"repositoryName": body["repositoryName"], "imageId": body["imageId"], "imageScanStatus": {"status": "COMPLETE"},
                "imageScanFindings": {"findings": [], "findingSeverityCounts": {"HIGH": 2}}}
