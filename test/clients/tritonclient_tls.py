"""Drives a running server over TLS with NVIDIA's own Python client, over HTTP and gRPC.

    pip install "tritonclient[http,grpc]" numpy
    python test/clients/tritonclient_tls.py localhost:8000 localhost:8001 authority.pem

The last line is "N passed, N failed", and the exit code is 1 if one failed.
"""

import sys

import numpy as np
import tritonclient.grpc as client_grpc
import tritonclient.http as client_http

HTTP, GRPC, AUTHORITY = sys.argv[1:4]

A = np.arange(16, dtype=np.int32).reshape(1, 16)
B = np.ones((1, 16), dtype=np.int32)


def infer(library, client):
    inputs = [library.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
    inputs[0].set_data_from_numpy(A)
    inputs[1].set_data_from_numpy(B)
    outputs = [library.InferRequestedOutput("OUTPUT0")]
    return client.infer("simple", inputs, outputs=outputs).as_numpy("OUTPUT0")


def over_http():
    with client_http.InferenceServerClient(HTTP, ssl=True, ssl_options={"ca_certs": AUTHORITY}) as client:
        assert client.is_server_ready()
        assert (infer(client_http, client) == A + B).all()


def over_http_without_trust():
    with client_http.InferenceServerClient(HTTP, ssl=True) as client:
        try:
            client.is_server_ready()
        except Exception as error:
            assert "certificate verify failed" in str(error), error
        else:
            raise AssertionError("an unknown authority was believed")


def over_grpc():
    with client_grpc.InferenceServerClient(GRPC, ssl=True, root_certificates=AUTHORITY) as client:
        assert client.is_server_ready()
        assert (infer(client_grpc, client) == A + B).all()


failed = 0
checks = [over_http, over_http_without_trust, over_grpc]
for one in checks:
    try:
        one()
    except Exception as error:  # every failure is told, whatever it is
        failed += 1
        print(f"FAILED {one.__name__}: {type(error).__name__}: {error}")
print(f"{len(checks) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
