//! Mobile Application Part (TS 29.002): the short message operations.
