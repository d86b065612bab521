"""The invented misuse requests are well formed: they parse, their ids are unique and their words are the design's."""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "badlog"
KEYS = {
    "id", "tenant", "api", "model", "deployment", "system", "turns", "user", "pictures", "tools", "answer", "outcome",
    "language", "expect", "uses", "clause", "why",
}  # fmt: skip
NEEDED = {"id", "tenant", "language", "expect", "uses", "clause", "why"}
TENANTS = {"us_police", "us_federal_le", "foreign_le", "le_vendor", "le_adjacent", "umbrella", "other", "unknown"}
APIS = {"chat", "completions", "embeddings", "transcription", "image_generation"}
OUTCOMES = {"fulfilled", "refused", "blocked", "failed", "truncated", "unknown"}
USES = {
    "identify", "verify", "compare", "enrol", "identify_voice", "track", "locate", "watch", "stalk", "categorise",
    "infer_emotion", "infer_age_gender", "infer_trait", "scrape_faces", "crime_risk", "social_score",
    "consequential_decision", "act_on",
}  # fmt: skip
CLAUSES = {
    "COC-FR-US-POLICE", "COC-FR-MOBILE-RT-GLOBAL", "COC-SURVEIL-PERSIST", "COC-FACE-IDENTIFY",
    "COC-FACE-EMOTION-AGE-GENDER", "COC-EMOTION-INFER", "COC-ATTR-INFER", "COC-BIOMETRIC-CATEGORISE",
    "COC-FR-DB-SCRAPE", "COC-CRIM-RISK", "COC-SOCIAL-SCORE", "COC-UNLAWFUL-TRACK", "COC-CONSEQ-DECISION", "COC-CHAIN",
}  # fmt: skip


def requests() -> list[tuple[str, dict[str, Any]]]:
    """Every request with the name of its file; raises tomllib.TOMLDecodeError where a file does not parse."""
    return [
        (path.stem, request)
        for path in sorted(FOLDER.glob("*.toml"))
        for request in tomllib.loads(path.read_text("utf-8"))["request"]
    ]


def test_every_request_has_a_unique_id() -> None:
    seen = Counter(request["id"] for _, request in requests())
    assert seen
    assert [name for name, times in seen.items() if times > 1] == []


def test_every_request_says_what_it_must_in_known_words() -> None:
    for _, request in requests():
        name = request["id"]
        assert set(request) <= KEYS and set(request) >= NEEDED, name
        assert request["tenant"] in TENANTS, name
        assert request.get("api", "chat") in APIS, name
        assert request.get("outcome", "unknown") in OUTCOMES, name
        assert request["expect"] in {"violation", "review"}, name
        assert request["uses"] and set(request["uses"]) <= USES, name
        assert request["clause"] in CLAUSES, name
        assert request["why"].strip(), name


def test_every_request_has_one_kind_of_user_text() -> None:
    for _, request in requests():
        name = request["id"]
        assert ("user" in request) != ("turns" in request), name
        assert "pictures" not in request or "user" in request, name
        for turn in request.get("turns", []):
            assert set(turn) <= {"role", "text", "pictures"} and turn["role"] in {"user", "assistant"}, name
            assert turn["text"].strip(), name


def test_tools_have_a_name_and_a_json_schema() -> None:
    for _, request in requests():
        for tool in request.get("tools", []):
            assert set(tool) <= {"name", "description", "parameters"} and tool["name"], request["id"]
            json.loads(tool.get("parameters", "{}"))


def test_no_two_requests_have_the_same_texts() -> None:
    def said(request: dict[str, Any]) -> str:
        return "\n".join([request.get("user", "")] + [turn["text"] for turn in request.get("turns", [])])

    seen = Counter((said(request), request.get("system", "")) for _, request in requests())
    assert [texts for texts, times in seen.items() if times > 1] == []
