"""Shopify's official Admin schema, and the part of it that our documents use.

python scripts/shopify_schema.py check [--only-if-npm]   documents and subset against the official schema
python scripts/shopify_schema.py write                   the subset, demo/shopify/admin.graphql, made anew

The official schemas ship in the npm package @shopify/dev-mcp (licence ISC, © Shopify): its tarball alone is fetched.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    build_client_schema,
    parse,
    specified_rules,
    validate,
)
from schema_subset import subset_sdl

from streams.shopify.documents import document, is_operation, names
from streams.shopify.options import API_VERSION

PACKAGE = "@shopify/dev-mcp@1.16.0"
SUBSET = Path(__file__).parent.parent / "demo" / "shopify" / "admin.graphql"
HEAD = f"""\
# A part of Shopify's Admin API schema, version {API_VERSION}: what our documents use, and nothing else.
# Made by scripts/shopify_schema.py from the npm package {PACKAGE} (ISC licence, © Shopify). Not to be edited.

"""


def main() -> int:
    """Exit code 1 where something is not as the official schema says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["check", "write"])
    parser.add_argument("--only-if-npm", action="store_true", help="do nothing on a machine without npm")
    options = parser.parse_args()
    if shutil.which("npm") is None:
        print("npm is not there: the documents are held against the checked-in subset by the tests alone")
        return 0 if options.only_if_npm else 1
    official = _official()
    problems = [f"{name}: {error.message}" for name, parsed in _documents() for error in _errors(official, parsed)]
    if not problems and options.what == "write":
        SUBSET.write_text(HEAD + subset_sdl(official, [parsed for _, parsed in _documents()]), encoding="utf-8")
    # The subset must be what the script makes: every difference to the official schema in it is then a new one there.
    if not problems and SUBSET.read_text(encoding="utf-8") != HEAD + subset_sdl(official, [d for _, d in _documents()]):
        problems.append(f"{SUBSET.name} is not what the official schema holds: run `make shopify-schema WHAT=write`")
    for problem in problems:
        print(problem)
    print(f"{len(list(_documents()))} documents, {len(problems)} problems, Admin API {API_VERSION}")
    return 1 if problems else 0


def _documents() -> list[tuple[str, DocumentNode]]:
    return [(name, parse(document(name).text)) for name in names() if is_operation(name)]


def _errors(schema: GraphQLSchema, parsed: DocumentNode) -> list[GraphQLError]:
    return validate(schema, parsed, [*specified_rules, NoDeprecatedCustomRule])


def _official() -> GraphQLSchema:
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(  # noqa: S603 - a constant
            ["npm", "pack", "--silent", PACKAGE],  # noqa: S607 - npm is wherever it is
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        archive = Path(folder) / packed.stdout.strip().splitlines()[-1]
        with tarfile.open(archive) as tarball:
            member = tarball.extractfile(f"package/dist/data/admin_{API_VERSION}.json.gz")
            if member is None:
                raise SystemExit(f"{PACKAGE} has no schema of {API_VERSION}")
            answer = json.loads(gzip.decompress(member.read()))
    # As it is: some of its deprecations break a rule of the specification that has nothing to do with documents.
    return build_client_schema(answer.get("data", answer), assume_valid=True)


if __name__ == "__main__":
    sys.exit(main())
