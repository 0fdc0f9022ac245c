//! From the open leg to the start of the stream.

use operetta_call::PhaseName::{Connected, Greeting, Speaking, Started};

use crate::Row;

pub(crate) const ROWS: &[Row] = &[
    (
        "hello means nothing, as often as it comes",
        "",
        Connected,
        "
            +0      connected
            +5      connected
                    due                => +10.000",
    ),
    (
        "a start that never comes",
        "",
        Connected,
        "
            +9999   time
            +10000  time               => note timed_out start, enter closed, close no_start
                    due                => never",
    ),
    (
        "a call that is not admitted",
        "",
        Connected,
        "
            +20     refused duplicate  => enter closed, close refused_duplicate",
    ),
    (
        "the caller is gone before the start",
        "",
        Connected,
        "
            +20     stop               => enter closed, close caller_hung_up",
    ),
    (
        "the flow goes on before the start",
        "",
        Connected,
        "
            +20     flow               => enter closed, close flow_ended",
    ),
    (
        "the socket breaks before the start",
        "",
        Connected,
        "
            +20     lost               => enter closed, close leg_lost",
    ),
    (
        "the carrier stops reading before the start",
        "",
        Connected,
        "
            +20     stalled            => enter closed, close leg_stalled",
    ),
    (
        "shutting down before the start",
        "",
        Connected,
        "
            +20     draining           => enter closed, close drained",
    ),
    (
        "what belongs to a call is not expected yet",
        "",
        Connected,
        "
            +20     caller_audio       => note unexpected caller_audio
            +20     key 5              => note unexpected dtmf
            +20     audio #1 20        => note unexpected audio_came
            +20     mark 1             => note unexpected mark_played",
    ),
    (
        "after the end there is nothing but notes",
        "",
        Connected,
        "
            +20     lost               => enter closed, close leg_lost
            +21     start              => note unexpected started
            +22     lost               => note unexpected leg_lost
            +23     audio #3 20        => note stale #3
            +90000  time               => note unexpected time_passed
                    due                => never",
    ),
    (
        "a talking call opens its ears and greets",
        "",
        Connected,
        "
            +12     start              => enter started, detect #1, listen #2, enter greeting, speak #3 greeting
                    due                => +0.912",
    ),
    (
        "a beep call beeps, and that is all",
        "beep",
        Connected,
        "
            +12     start beep         => enter started, enter greeting, speak #1 (beep)
            +12     audio #1 500       => play 500
            +12     done #1            => mark 1
            +600    key 5
            +600    mark 1             => note greeted, enter listening
            +700    key 5
                    due                => +30.012
            +29000  caller_audio
            +59000  draining           => enter closed, close drained",
    ),
    (
        "a beep call ends without a word when its time is over",
        "beep call_ms=5000",
        Connected,
        "
            +0      start beep call_ms=5000 => enter started, enter greeting, speak #1 (beep)
            +100    failed #1 never    => note speech_failed, enter listening
            +5000   time               => note timed_out call, enter closed, close time_limit",
    ),
    (
        "a bare call sends nothing",
        "bare",
        Started,
        "
            +100    caller_audio
            +200    key 5
            +200    connected
            +200    spoke #1           => note unexpected caller_spoke
                    due                => +30.100
            +30100  time               => note timed_out media, enter closed, close media_stopped",
    ),
    (
        "a bare call ends at once when the engine does",
        "bare",
        Started,
        "
            +100    draining           => enter closed, close drained",
    ),
    (
        "a bare call is not longer than others",
        "bare call_ms=5000",
        Started,
        "
            +5000   time               => note timed_out call, enter closed, close time_limit",
    ),
    (
        "nobody speaks on a stream that takes no audio",
        "listen_only",
        Started,
        "
            +100    caller_audio
            +2000   draining           => enter closed, close drained",
    ),
    (
        "a second start changes nothing",
        "",
        Greeting,
        "
            +5      start              => note unexpected started
            +6      connected
            +7      refused auth       => note unexpected refused",
    ),
    (
        "a start in the middle of a call changes nothing",
        "",
        Speaking,
        "
            +3900   start bare         => note unexpected started
            +3950   audio #5 500       => play 500",
    ),
];
