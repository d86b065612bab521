"""Rows of Log Analytics tables, spelled like the records that the same settings write to storage.

AzureDiagnostics, ApiManagementGatewayLogs and ApiManagementGatewayLlmLog rows say what RequestResponse, GatewayLogs and
GatewayLlmLogs records say, under other names.
"""

from analyzer.shapes.layout import Sheet


def spell(sheet: Sheet) -> tuple[Sheet, bool]:
    """The sheet with the names that records in storage have, and whether its records are rows of a table."""
    return sheet, False
