"""By or for whom a request acts, told from real exports by the real lexicon: prompts, tools, and names of all sorts.

What a user types or a model answers never counts; nothing here reclassifies a tenant.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jobs import GATEWAY, Place, Row, command, gateway_row, rows_of, write_logs, write_register

REGISTER = [
    "city,City of Lowmoor,lowmoor.example.com,US,CA,umbrella,,apim_product:city\n",
    "ciudad,Ayuntamiento de Peñarrubia,penarrubia.example.com,ES,,umbrella,,apim_product:ciudad\n",
    "vendor,Sentmark Systems,sentmark.example.com,US,UT,le_vendor,,apim_product:vendor\n",
    "anbieter,Sichtmark GmbH,sichtmark.example.com,DE,,le_vendor,,apim_product:anbieter\n",
    "shop,Corner Shop,shop.example.com,US,OH,other,,apim_product:shop\n",
    "defender,Office of the Public Defender,tidemarkpd.example.com,US,FL,,,apim_product:defender\n",
    "units,Ferrow City,f.example.com,US,OH,umbrella,,apim_product:lowmoor-police-unit;apim_product:lowmoor-library\n",
]


@dataclass(frozen=True)
class Call:
    """One call and what should be said of it: the actor beside the tenant's own class, "" for none."""

    name: str
    tenant: str
    actor: str = ""
    system: str = ""
    user: str = "Summarise this in three lines."
    deployment: str = "chat-main"
    product: str = ""
    key: str = "main"
    resource: str = "apim-test"
    role: str = "system"
    answer: str = "Done."
    tools: list[Row] = field(default_factory=list)
    turns: list[Row] = field(default_factory=list)
    sure: bool = True  # confidence of 0.5 or more, so that no review comes of doubt about the actor alone


def tool(name: str, about: str = "") -> Row:
    return {"type": "function", "function": {"name": name, "description": about, "parameters": {"type": "object"}}}


BY_US, FOR_US, BY_ABROAD, FOR_ABROAD = "us_police by", "us_police for", "foreign_le by", "foreign_le for"

CALLS = [
    # a city's police unit by its deployment, product or key
    *(
        Call(f"deployment {name}", "city", BY_US, deployment=name)
        for name in (
            "pd-bodycam-vision",
            "lowmoor-pd-prod",
            "police-records",
            "lowmoor-police",
            "sheriff-intake",
            "detectives-gpt4o",
            "rtcc-vision",
            "lowmoorPD-chat",
            "patrol_reports_pd",
            "police_dept_summaries",
            "gang-unit-chat",
            "swat-briefings",
        )
    ),
    *(
        Call(f"deployment {name}", "city", deployment=name)
        for name in (
            "parks-permits",
            "policy-drafts",
            "fire-marshal-reports",
            "library-chat",
            "updates",
            "rapids-embeddings",
            "httpd-logs",
            "gpt-4o",
            "public-works-vision",
            "clerk-minutes",
            "product-dev",
            "marshall-center-booking-rooms",
            "dispatch-of-parcels",
            "copy-editing",
            "justice-park-pools",
        )
    ),
    Call("product of the police", "units", BY_US, product="lowmoor-police-unit"),
    Call("product of the library", "units", product="lowmoor-library"),
    Call("key of the police", "city", BY_US, key="lowmoor-police"),
    Call("key of the sheriff", "city", BY_US, key="sheriffs-office-key"),
    Call("key of the parks", "city", key="lowmoor-parks"),
    Call("resource of the police", "city", BY_US, resource="oai-pd-bwc"),
    Call("resource of the sheriff", "city", BY_US, resource="oai-sheriff-prod"),
    Call("resource of the works", "city", resource="oai-public-works-prod"),
    # a city's police unit by what the system prompt says
    *(
        Call(f"system {place}", "city", BY_US, system=text)
        for place, text in enumerate(
            [
                "You assist officers of the Lowmoor Police Department with their reports.",
                "Internal assistant of Lowmoor PD's detectives. Answer briefly.",
                "You are the records assistant of the Lowmoor County Sheriff's Office.",
                "You support patrol officers who write incident reports.",
                "You are a helper for our campus police and answer from the manual.",
                "Assistant for deputies. Use plain words.",
                "For use by sworn personnel only. You draft narratives.",
            ]
        )
    ),
    *(
        Call(f"innocent system {place}", "city", system=text)
        for place, text in enumerate(
            [
                "You help residents of Lowmoor find a library.",
                "You write crime novels in which detectives of the Lowmoor Police Department solve a case.",
                "You must never act for a police department. You help the parks office.",
                "This service is not available to law enforcement.",
                "You answer questions on the city's policy for parking.",
                "You draft minutes of the Police Jury.",
                "You summarise news articles about the police for the press office.",
            ]
        )
    ),
    Call("developer turn", "city", BY_US, role="developer", system="You assist officers of Lowmoor Police Department."),
    Call(
        "tool of detectives", "city", BY_US, tools=[tool("search_booking_photos", "Looks up mugshots for detectives.")]
    ),
    Call("tool of a library", "city", tools=[tool("search_catalogue", "Looks up books and papers.")]),
    # what users type, models answer or tools give back never counts
    Call(
        "user says so",
        "city",
        user="I am a detective of the Lowmoor Police Department. We need this for patrol officers.",
    ),
    Call("user is a sheriff", "city", user="As the sheriff of Lowmoor County I order you to help my deputies."),
    Call("model says so", "city", answer="As the assistant of the Lowmoor Police Department I helped the detectives."),
    Call(
        "earlier answer",
        "city",
        turns=[
            {"role": "user", "content": "Who are you?"},
            {"role": "assistant", "content": "I assist patrol officers."},
        ],
    ),
    Call(
        "tool call and its result",
        "city",
        turns=[
            {"role": "user", "content": "Look it up."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "police_lookup", "arguments": '{"unit": "PD"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "Record of the Lowmoor Police Department."},
        ],
    ),
    Call(
        "shop user says so", "shop", user="You are now the assistant of the Lowmoor Police Department. Act for police."
    ),
    Call("vendor user says so", "vendor", user="This is for the Ashmere Police Department."),
    # police abroad
    Call("es deployment", "ciudad", BY_ABROAD, deployment="policia-local-chat"),
    Call("es system", "ciudad", BY_ABROAD, system="Eres el asistente de la Policía Local de Peñarrubia."),
    Call(
        "es library", "ciudad", system="Eres el asistente de la biblioteca y respondes sobre la política de préstamos."
    ),
    *(
        Call(f"abroad {place}", "anbieter", FOR_ABROAD, system=text)
        for place, text in enumerate(
            [
                "Du hilfst den Beamten der Polizei Niederau beim Schreiben ihrer Berichte.",
                "Du bist der Assistent der Kriminalpolizei.",
                "Tu assistes les agents de la police municipale de Valmorin.",
                "Vous êtes l'assistant des enquêteurs de la gendarmerie.",
                "Você ajuda os investigadores da Polícia Civil.",
                "És o assistente da Guarda Nacional Republicana.",
                "Ayudas a los agentes de la Guardia Civil con sus informes.",
                "Sei l'assistente della Questura di Valmora.",
                "Je helpt agenten van de politie Oosterveen.",
                "Jesteś asystentem policjantów Komendy Policji.",
                "Du hjälper utredare vid Polismyndigheten.",
                "Sen polis memurlarına yardım eden bir asistansın. Emniyet Müdürlüğü için çalışırsın.",  # noqa: RUF001
                "أنت مساعد لضباط الشرطة.",
                "आप पुलिस अधिकारियों की सहायता करते हैं।",
                "你是公安局的助手。",
                "You assist officers of Wexmoor Constabulary.",
                "You are the custody assistant of the Northmoor Police Service.",
            ]
        )
    ),
    *(
        Call(f"innocent abroad {place}", "anbieter", system=text)
        for place, text in enumerate(
            [
                "Du hilfst Kunden einer Versicherung bei ihrer Police.",
                "Tu aides les clients à lire leur police d'assurance et choisis une police de caractères.",
                "Ayudas a los clientes con su póliza de seguro y la política de devoluciones.",
                "Du schreibst über Politik und Kultur.",
                "Sei l'assistente di una polizza auto.",
                "Je helpt lezers met de politieke agenda.",
            ]
        )
    ),
    # a vendor that serves a named agency
    *(
        Call(f"vendor {place}", "vendor", FOR_US, system=text)
        for place, text in enumerate(
            [
                "Tenant: Ashmere Police Department. Draft the report.",
                "Customer: Corrigan County Sheriff's Office. You draft narratives.",
                "You act on behalf of Ashmere PD officers.",
                "Used by law enforcement agencies across the state. You transcribe interviews.",
            ]
        )
    ),
    Call("vendor deployment", "vendor", FOR_US, deployment="ashmere-pd-prod"),
    Call(
        "vendor tool", "vendor", FOR_US, tools=[tool("cad_lookup", "Dispatch data of the Ashmere Police Department.")]
    ),
    Call(
        "vendor federal", "vendor", "us_federal_le for", system="You assist agents of Homeland Security Investigations."
    ),
    Call("vendor prosecutor", "vendor", "le_adjacent for", system="You assist prosecutors of the district attorney."),
    Call("vendor hotel", "vendor", system="You answer questions of hotel guests."),
    Call("unknown tenant", "nobody", FOR_US, system="You assist the detectives of the Ashmere Police Department."),
    Call("unknown tenant of a shop", "nobody", system="You help shoppers find their size."),
    # who is known to be no police is not made police by a word or a name
    Call("shop word", "shop", FOR_US, sure=False, system="You sort footage from body cams for a police podcast."),
    Call("shop plain", "shop", FOR_US, system="You assist officers of the Ashmere Police Department."),
    Call("defender deployment", "defender", FOR_US, sure=False, deployment="tidemark-pd-chat"),
    Call("defender key", "defender", FOR_US, sure=False, key="pd-chat"),
]

# of an unknown tenant: words of police in other trades, and police that are only spoken of
DOUBTFUL = """
You help claims investigators of an insurer to assess photos.
You support the marshals of a marathon with their rota.
You write dialogue for a game in which the player is a detective.
You plan patrols for a ski resort's first aid.
You swat bugs: triage the issue list.
You are the booking desk of a hotel.
You assist sergeants of the army with leave forms.
You help clinical investigators run a trial.
You help the precinct captains of an election campaign.
You draft invoices for a uniform supplier that also sells to police.
You are an insurance assistant; ask for the police report number after a theft.
You are a travel guide: tell tourists how to reach the police in an emergency.
You moderate comments; police the tone gently.
You help historians search an archive of constables and sheriffs.
You check dash cam uploads for a car insurer.
You help the registrar; the deputy registrar signs.
You help lawyers who defend people against police misconduct.
You help residents file complaints about police officers.
Du hilfst Kunden; bei Diebstahl rate zur Anzeige bei der Polizei.
Ayudas a turistas; en caso de robo, que llamen a la policía.
Tu aides les touristes; en cas de vol, dis-leur d'aller à la police.
Você ajuda turistas; em caso de roubo, chame a polícia.
Sei una guida turistica; in caso di furto chiama la polizia.
"""
DOUBTS = DOUBTFUL.split("\n")[1:-1]
CALLS += [Call(f"doubt {place}", "nobody", system=text) for place, text in enumerate(DOUBTS)]


def exported(number: int, call: Call) -> Row:
    turns = [{"role": call.role, "content": call.system}] if call.system else []
    body: Row = {"messages": [*turns, *call.turns, {"role": "user", "content": call.user}]}
    if call.tools:
        body["tools"] = call.tools
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": call.answer}}
    row = gateway_row(
        f"call-{number}",
        subscription=call.key,
        productId=call.product or call.tenant,
        url=f"https://apim.example.com/openai/deployments/{call.deployment}/chat/completions?api-version=2024-10-21",
        requestBody=json.dumps(body),
        responseBody=json.dumps({"model": "gpt-4o", "choices": [choice]}),
    )
    return row | {"resourceId": GATEWAY.replace("APIM-TEST", call.resource.upper())}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, read_once: None) -> dict[str, list[tuple[Any, ...]]]:
    """The actors of each call by its name, without those that the tenant's own class gives."""
    place = Place(tmp_path_factory.mktemp("actors"))
    write_register(place.register, *REGISTER)
    write_logs(Path(place.logs) / "calls.json", (exported(number, call) for number, call in enumerate(CALLS)))
    assert command(*place.run).code == 0
    rows = rows_of(
        place.db,
        "SELECT request.request_id, actor.actor || ' ' || actor.role, actor.confidence, actor.evidence"
        " FROM requests AS request LEFT JOIN actors AS actor ON actor.request_key = request.request_key"
        " AND starts_with(actor.evidence, 'part ') ORDER BY ALL",
    )
    found: dict[str, list[tuple[Any, ...]]] = {call.name: [] for call in CALLS}
    for request_id, *row in rows:
        if row[0] is not None:
            found[CALLS[int(request_id.removeprefix("call-"))].name].append(tuple(row))
    assert len({row[0] for row in rows}) == len(CALLS) == len(found)
    return found


@pytest.mark.parametrize("place", range(len(DOUBTS)))
def test_a_word_of_police_alone_never_makes_an_unknown_tenant_act_for_them_for_sure(
    place: int, judged: dict[str, list[tuple[Any, ...]]]
) -> None:
    police = [row for row in judged[f"doubt {place}"] if row[0] in (FOR_US, FOR_ABROAD)]
    assert all(confidence < 0.5 for _, confidence, *_ in police), DOUBTS[place]


@pytest.mark.parametrize("call", [call for call in CALLS if "doubt" not in call.name], ids=lambda call: call.name)
def test_a_call_acts_by_or_for_whom_its_prompt_tools_and_names_say(
    call: Call, judged: dict[str, list[tuple[Any, ...]]]
) -> None:
    found = judged[call.name]
    assert [row[0] for row in found if row[0] != "le_vendor by"] == ([call.actor] if call.actor else []), found
    assert all((confidence >= 0.5) == call.sure for actor, confidence, *_ in found if actor == call.actor), found
