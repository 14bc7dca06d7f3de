"""Asks a server what its OpenAPI document says that it can be asked, and what it says that it cannot, with schemathesis.

    python test/clients/schemathesis_http.py 127.0.0.1:8000 [examples of each operation [the only model]]

The last line is "N passed, N failed", by operation; the exit code is 1 if one failed.

Left out are two of its checks. `not_a_server_error`: Triton's clients expect 500, 501 and 503 for some bad requests; in its place
stands a check that no answer speaks of a bug of the server. `positive_data_acceptance`: that the elements of a tensor are as many
as its shape says is nothing that a schema can express.
"""

import re
import subprocess
import sys
import tempfile
import os

import schemathesis
from schemathesis.cli import schemathesis as main

LEFT_OUT = "not_a_server_error,positive_data_acceptance"


@schemathesis.check
def speaks_of_no_bug(_context, response, _case):
    if "because of a bug in it" in response.text:
        raise AssertionError(f"a bug of the server: {response.text}")


def ask():
    address = sys.argv[1]
    examples = sys.argv[2] if len(sys.argv) > 2 else "15"
    query = f"?model={sys.argv[3]}" if len(sys.argv) > 3 else ""
    result = subprocess.run(
        [
            sys.executable,
            __file__,
            "--run",
            f"http://{address}/v2/docs/openapi.json{query}",
            f"--exclude-checks={LEFT_OUT}",
            f"--max-examples={examples}",
            "--seed=1",
            "--suppress-health-check=all",
            "--no-color",
            "--request-timeout=20",
        ],
        capture_output=True,
        text=True,
        cwd=tempfile.mkdtemp(),
        env={**os.environ, "COLUMNS": "200"},
    )
    output = result.stdout + result.stderr
    tested = re.search(r"Tested: (\d+)", output)
    generated = re.search(r"(\d+) generated(?:, (\d+) found)?", output)
    if tested is None or generated is None or result.returncode not in (0, 1):
        print(output)
        print("0 passed, 1 failed")
        return 1
    failed = len(re.findall(r"^- ST\d+ ", output, re.MULTILINE))
    if failed > 0 or result.returncode != 0:
        print(output)
        failed = max(failed, 1)
    print(f"{generated.group(1)} requests to {tested.group(1)} operations")
    print(f"{max(int(tested.group(1)) - failed, 0)} passed, {failed} failed")
    return 1 if failed > 0 else 0


if "--run" in sys.argv:
    sys.argv.remove("--run")
    sys.argv.insert(1, "run")
    main()
else:
    sys.exit(ask())
