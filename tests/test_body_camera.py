"""The report draft from a body camera's audio is permitted; the same with frames and a watchlist is critical."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from jobs import START, Place, chat, command, findings_of, gateway_row, noise, rows_of, write_logs, write_register

TENANTS = (
    "millbrook-pd,Millbrook Police Department,millbrookpd.example.com,US,OH,us_police,,apim_subscription:millbrook\n",
    "patroldraft,PatrolDraft Inc.,patroldraft.example.com,US,OH,le_vendor,us_police,apim_subscription:patroldraft\n",
)
TRANSCRIPT = (
    "[00:12] OFFICER: Good evening, ma'am. You called about the window? [00:19] RESIDENT: Yes, the back one, it was "
    "fine when I left. He was gone when I came home. My neighbor saw a man in a hoodie run off. [00:41] OFFICER: "
    "I'm going to take photos of the frame and get you a case number."
)
DRAFTING = (
    "You draft incident reports from body-worn camera audio. Use only what is said. Put [INSERT] where a fact is "
    "missing. Do not describe anybody's look, and do not name anyone who is not named in the audio. The officer must "
    "read, correct and sign the draft."
)
DRAFT = (
    "I was dispatched to [INSERT] for a broken window. The resident said that the rear window was whole that morning."
)


TRANSCRIBED = {
    "url": "https://apim.example.com/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21",
    "operationId": "Transcriptions_Create",
    "responseBody": json.dumps({"text": TRANSCRIPT, "duration": 52.4}),
}
DRAFTED = chat(
    [
        {"role": "system", "content": DRAFTING},
        {"role": "user", "content": f"Body camera audio, unit 12, call 24-118:\n{TRANSCRIPT}"},
    ],
    DRAFT,
    "gpt-4-turbo",
)
WATCHED = chat(
    [
        {"role": "system", "content": f"{DRAFTING} Live frames of the same body camera come with the audio."},
        {
            "role": "user",
            "content": [
                {
                    "type": "text",
                    "text": "Compare every face in the frame with the watchlist sheet and name who it is.",
                },
                noise(1),
                noise(2),
            ],
        },
    ],
    "The man in the frame is number 7 of the watchlist.",
    "gpt-4-turbo",
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder with the register of a police department and its vendor."""
    write_register(Place(tmp_path).register, *TENANTS)
    return Place(tmp_path)


@pytest.mark.parametrize("subscription", ["millbrook", "patroldraft"])
def test_transcription_and_draft_of_body_camera_audio_are_not_reported(place: Place, subscription: str) -> None:
    rows = [
        gateway_row("call-1", START, subscription, **TRANSCRIBED),
        gateway_row("call-2", START + timedelta(minutes=2), subscription, **DRAFTED),
    ]
    write_logs(place.logs / "gateway.json", rows)
    assert command(*place.run).code == 0
    assert rows_of(place.db, "SELECT api, prompt_seen, answer_seen FROM requests ORDER BY request_id") == [
        ("audio_transcribe", "none", "full"),
        ("chat", "full", "full"),
    ]
    assert findings_of(place.reports) == []


@pytest.mark.parametrize("subscription", ["millbrook", "patroldraft"])
def test_the_same_with_frames_and_a_watchlist_is_critical(place: Place, subscription: str) -> None:
    write_logs(place.logs / "gateway.json", [gateway_row("call-3", START, subscription, **WATCHED)])
    assert command(*place.run).code == 0
    found = {(row["clause_id"], row["verdict"], row["severity"]) for row in findings_of(place.reports)}
    assert ("COC-FR-US-POLICE", "violation", "critical") in found
    assert ("COC-FR-MOBILE-RT-GLOBAL", "violation", "critical") in found
