"""The journal of all devices: rows as they forward them, chained, with an end that they sign."""
