"""Lists, groups, dynamic fields, pages and filters of the MailUp simulator (sections 3 to 5)."""

from datetime import timedelta
from typing import Any

import pytest
from mailup_simulator_caller import MailupCaller

from pipelines.sandbox.server import Sandbox

NEW_LIST = {"Name": "Soci", "OwnerEmail": "info@voorbeeld.example", "UseDefaultSettings": True}


@pytest.fixture
def call(mailup_simulator_call: MailupCaller) -> MailupCaller:
    return mailup_simulator_call


def test_both_list_endpoints_tell_of_the_same_lists_in_their_own_spelling(call: MailupCaller) -> None:
    (classic,) = call.items("/User/Lists")
    assert list(classic) == ["Company", "Description", "Name", "idList", "listGuid"]
    (newer,) = call.items("/List")
    assert list(newer) == ["IdList", "Name", "Company", "Description"]
    assert classic["idList"] == newer["IdList"] == call.list_id
    assert call("GET", "LIST").json() == newer


@pytest.mark.parametrize("path", ["/User/Lists", "/List"])
def test_a_new_list_is_forbidden_for_a_while(
    call: MailupCaller, mailchimp_simulator_server: Sandbox, path: str
) -> None:
    """Section 12.3."""
    assert call("POST", path, json={"Name": "Soci"}).status_code == 400
    made = call("POST", path, json=NEW_LIST).json()
    assert made["IdList"] and made["ListGuid"] and made["OwnerEmail"] == "info@voorbeeld.example"
    assert call("GET", f"/List/{made['IdList']}/Groups").status_code == 403
    assert len(call.items("/User/Lists")) == 1
    mailchimp_simulator_server.clock.advance(timedelta(minutes=1).total_seconds())
    call.login()
    assert call("GET", f"/List/{made['IdList']}/Groups").status_code == 200
    assert len(call.items("/List")) == 2
    changed = call("PUT", f"{path.removesuffix('s')}/{made['IdList']}", json={"Name": "Soci 2"}).json()
    assert (changed["Name"], changed["IdList"]) == ("Soci 2", made["IdList"])


def test_a_group_is_created_changed_and_deleted(call: MailupCaller) -> None:
    made = call("POST", "LIST/Group", json={"Name": "Evento 12/3", "Notes": "n"}).json()
    assert made["Count"] is None and made["Deletable"] is True
    same = call("POST", "LIST/Group", json={"Name": "Evento 12/3"}).json()
    assert same["idGroup"] != made["idGroup"], "names need not be unique"
    path = f"LIST/Group/{made['idGroup']}"
    assert call("PUT", path, json={**made, "Name": "Evento"}).json() == {**made, "Name": "Evento"}
    call.imported(f"/Group/{made['idGroup']}/Recipients", [{"Email": "a@b.example", "Name": ""}])
    assert call("DELETE", path).content == b""
    assert call("GET", f"/Group/{made['idGroup']}/Recipients").status_code == 404
    assert call.statuses()["a@b.example"] == "OPTIN", "members stay in the list"
    assert call.simulator.recipient(call.list_id, "a@b.example")["groups"] == []  # type: ignore[index]
    call.simulator.turn(group_names_unique=True)
    assert call("POST", "LIST/Group", json={"Name": "Evento 12/3"}).status_code == 400


def test_a_protected_group_can_not_be_deleted(call: MailupCaller) -> None:
    made = call("POST", "LIST/Group", json={"Name": "Fisso", "Deletable": False}).json()
    assert call("DELETE", f"LIST/Group/{made['idGroup']}").status_code == 400
    assert len(call.items("LIST/Groups")) == 2


def test_a_group_belongs_to_one_list(call: MailupCaller) -> None:
    other = call.simulator.add_list("Altra")
    assert call("DELETE", f"/List/{other}/Group/1").status_code == 404
    assert call.items(f"/List/{other}/Groups") == []


def test_emptying_a_group_tells_how_many_left_and_keeps_them_in_the_list(call: MailupCaller) -> None:
    assert call("DELETE", "LIST/Group/1/Recipients").json() == {"Removed": 12}
    assert call("DELETE", "LIST/Group/1/Recipients").json() == {"Removed": 0}
    assert call.items("/Group/1/Recipients") == [] and len(call.statuses()) == 12


def test_dynamic_fields_come_descending_and_in_another_case_than_in_recipients(call: MailupCaller) -> None:
    """Section 5: key on the id, not on the description."""
    page = call("GET", "/Recipient/DynamicFields").json()
    assert page["IsPaginated"] is True and (page["PageSize"], page["TotalElementsCount"]) == (20, 26)
    assert [item["Id"] for item in page["Items"]] == list(range(26, 6, -1))
    whole = call("GET", "/Recipient/DynamicFields?PageNumber=0&PageSize=30&orderby=%22Id+asc%22").json()
    assert whole["IsPaginated"] is False and len(whole["Items"]) == 26
    assert whole["Items"][11] == {"Description": "idcliente", "Id": 12}
    (alba,) = call.items("LIST/Recipients/Subscribed", filterby="idRecipient==18")
    assert alba["Fields"][11] == {"Description": "IDCliente", "Id": 12, "Value": ""}


def test_a_field_is_added_and_renamed_in_the_console_and_keeps_its_values(call: MailupCaller) -> None:
    call.simulator.name_field(27, "Compleanno")
    call.imported("LIST/Recipients", [{"Email": "a@b.example", "Name": "", "Fields": [{"Id": 27, "Value": "1/1"}]}])
    call.simulator.name_field(27, "Geboortedag")
    (found,) = call.items("LIST/Recipients/Subscribed", filterby="Email=='a@b.example'")
    assert found["Fields"][-1] == {"Description": "Geboortedag", "Id": 27, "Value": "1/1"}
    assert call.items("/Recipient/DynamicFields")[0] == {"Description": "geboortedag", "Id": 27}
    with pytest.raises(ValueError, match="from 1 to 39"):
        call.simulator.name_field(40, "X")


def test_pages_start_at_0_and_their_parameters_have_any_case(call: MailupCaller) -> None:
    path = "LIST/Recipients/EmailOptins"
    first = call("GET", f"{path}?pageSize=5").json()
    assert {name: first[name] for name in ("IsPaginated", "PageNumber", "PageSize", "Skipped")} == {
        "IsPaginated": True,
        "PageNumber": 0,
        "PageSize": 5,
        "Skipped": 0,
    }
    last = call("GET", f"{path}?pagesize=5&PAGENUMBER=2").json()
    assert (len(last["Items"]), last["Skipped"], last["TotalElementsCount"]) == (2, 10, 12)
    beyond = call("GET", f"{path}?PageSize=5&PageNumber=3").json()
    assert (beyond["Items"], beyond["TotalElementsCount"]) == ([], 12)
    ids = [item["idRecipient"] for page in range(3) for item in _page(call, path, page)]
    assert ids == list(range(18, 30))
    assert call("GET", f"{path}?pageNum=2&PageSize=5").json()["PageNumber"] == 0, "pageNum is no parameter"


def _page(call: MailupCaller, path: str, number: int) -> Any:
    return call("GET", f"{path}?PageSize=5&PageNumber={number}").json()["Items"]


def test_a_page_is_never_larger_than_the_largest(call: MailupCaller) -> None:
    call.simulator.turn(max_page_size=5, newest_first=True)
    page = call("GET", "LIST/Recipients/Subscribed?PageSize=500").json()
    assert (page["PageSize"], len(page["Items"]), page["IsPaginated"]) == (5, 5, True)
    assert page["Items"][0]["idRecipient"] == 29


def test_a_list_that_shrinks_while_it_is_read_skips_somebody(call: MailupCaller) -> None:
    path = "LIST/Recipients/Subscribed"
    first = _page(call, path, 0)
    call.simulator.act(call.list_id, first[0]["Email"], "opt_out")
    seen = {item["Email"] for item in (*first, *_page(call, path, 1), *_page(call, path, 2))}
    assert len(seen) == 10, "eleven were subscribed, and one slipped between the pages"


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("Email=='alba.conti@postaprivata.example'", 1),
        ("\"Email.Contains('postaprivata')\"", 4),
        ("Email.Contains('POSTA')", 0),
        ("Email.ToUpper().Contains('POSTAPRIVATA')", 4),
        ("Email.Trim().Equals('fabio@officina.example')", 1),
        ("idRecipient == 18 || idRecipient==19", 2),
        ("Email.StartsWith('a') && Name!='Bruno'", 1),
        ("!Email.EndsWith('postaprivata.example')", 8),
        ("idRecipient % 2 == 0 && idRecipient < 24", 3),
        ("IdRecipient >= 20 + 5", 5),
        ("Fields['cognome']=='De Luca'", 1),
        ('Status == "OPTOUT" && Optout_Type == 2', 1),
        ("MobileNumber.Contains('3')", 0),
        ('""', 12),
    ],
)
def test_filterby_leaves_only_those_whom_its_expression_fits(call: MailupCaller, expression: str, found: int) -> None:
    page = call("GET", "LIST/Recipients/EmailOptins", params={"filterby": expression, "PageSize": 5}).json()
    assert page["TotalElementsCount"] == found and len(page["Items"]) == min(found, 5)


@pytest.mark.parametrize(
    "expression",
    [
        "Email=='o'brien@posta.example'",
        "Email=='o''brien@posta.example'",
        "Leeftijd == 3",
        "Email.Explode()",
        "Email",
        "Email ==",
        "Email = 'a'",
        "1 < idRecipient < 3",
        "[x for x in Email]",
        "__import__('os')",
        "Email > 3",
        "idRecipient / 0 == 1",
        "Email.Contains(3)",
    ],
)
def test_a_filter_that_can_not_be_read_is_a_400(call: MailupCaller, expression: str) -> None:
    answer = call("GET", "LIST/Recipients/EmailOptins", params={"filterby": expression})
    assert (answer.status_code, answer.json()["ErrorName"]) == (400, "BadRequest")


def test_orderby_sorts_by_several_properties(call: MailupCaller) -> None:
    def emails(order: str) -> list[str]:
        return [item["Email"] for item in call.items("LIST/Recipients/EmailOptins", orderby=order)]

    assert emails("Email desc") == sorted(call.statuses(), reverse=True)
    assert emails('"Status desc;idRecipient asc"')[0] == "mario.fonte@giornale.example"
    assert emails("Status;Email desc")[0].startswith("nora")
    assert call("GET", "LIST/Groups?orderby=Name+sideways").status_code == 400
    assert call("GET", "LIST/Groups?orderby=Colour").status_code == 400
