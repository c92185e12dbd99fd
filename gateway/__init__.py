"""Clients of a big venue trade here.

The paths, fields, signatures, codes and streams are those of Binance's USDⓈ-M futures.

Theory of operation. There is no rule in here. What arrives is translated into what our own API
would have been asked, the same services do it, and what they answer, refuse or publish is
translated back. Rooms by what they translate:

- `words`    names and codes: symbols of markets, orders' kinds and states, refusals;
- `asking`   requests: parameters from query and body, signatures, what a trader may ask how often;
- `orders`   orders on their way in and out, and how they go through order intake;
- `http`     every other call, answered by a Django view;
- `streams`  WebSockets: market data, and what happens to an account;
- `socket_calls`  the same calls, asked for over a WebSocket.

A market's symbol is its base asset and the name of the settlement asset. Positions are one-way and
isolated, as they are here: what asks for hedge or cross mode is answered with the venue's own
refusal of it. Ids are ours, so that whatever was done here is found by the same id in our own API.
"""
