//! How calls end.

use operetta_call::PhaseName::{Greeting, Listening, Speaking, Thinking};

use crate::Row;

pub(crate) const ROWS: &[Row] = &[
        ("the caller hangs up: every job ends with the call", "", Speaking, "
            +3800   stop               => cancel #1, cancel #2, cancel #5, enter closed, close caller_hung_up"),
        ("the flow goes on", "", Thinking, "
            +3800   flow               => cancel #1, cancel #2, cancel #4, enter closed, close flow_ended"),
        ("the socket breaks", "", Listening, "
            +3800   lost               => cancel #1, cancel #2, enter closed, close leg_lost"),
        ("the carrier stops reading", "", Greeting, "
            +3800   stalled            => cancel #1, cancel #2, cancel #3, enter closed, close leg_stalled"),
        ("the socket is open and nothing comes", "", Listening, "
            +2000   caller_audio
            +32000  time               => note timed_out media, cancel #1, cancel #2, enter closed, close media_stopped"),
        ("the longest call ends with a goodbye", "call_ms=5000", Listening, "
                    due                => +5.000
            +5000   time               => note timed_out call, speak #4 goodbye, enter speaking
            +5000   spoke #1
            +5100   audio #4 900       => play 900
            +5100   done #4            => mark 2
            +6000   mark 2             => cancel #1, cancel #2, enter closed, close time_limit"),
        ("the longest call cuts the agent short", "call_ms=4000", Speaking, "
            +4000   time               => note timed_out call, cancel #5, clear, speak #6 goodbye, enter speaking"),
        ("ears that are due when the call is over", "call_ms=5000", Listening, "
            +4900   failed #2 later    => note ears_failed
            +5200   time               => listen #4, note timed_out call, speak #5 goodbye, enter speaking
                    due                => +6.100"),
        ("shutting down: goodbye, and then the close", "", Listening, "
            +2000   draining           => speak #4 goodbye, enter speaking
            +2000   draining
            +2100   spoke #1
            +2200   audio #4 900       => play 900
            +2200   done #4            => mark 2
            +3100   mark 2             => cancel #1, cancel #2, enter closed, close drained"),
        ("shutting down in the middle of a reply", "", Speaking, "
            +4000   draining           => cancel #5, clear, speak #6 goodbye, enter speaking"),
        ("shutting down during a goodbye: nobody can interrupt it now", "", Thinking, "
            +3600   reply #4 Goodbye
            +3650   reply_done #4 hang_up => speak #5 'Goodbye', enter speaking
            +3700   draining
            +3750   spoke #1
            +3800   audio #5 800       => play 800
            +3800   done #5            => mark 2
            +4600   mark 2             => cancel #1, cancel #2, enter closed, close drained"),
        ("a transfer stays a transfer while the engine shuts down", "", Thinking, "
            +3600   reply #4 I connect you
            +3650   reply_done #4 transfer => speak #5 'I connect you', enter speaking
            +3700   draining
            +3800   audio #5 800       => play 800
            +3800   done #5            => mark 2
            +4600   mark 2             => cancel #1, cancel #2, enter closed, close transferred"),
        ("a goodbye that cannot be said", "", Listening, "
            +2000   draining           => speak #4 goodbye, enter speaking
            +2010   failed #4 now      => speak #5 goodbye
            +2020   failed #5 now      => note speech_failed, speak #6 (apology)
            +2030   failed #6 never    => note speech_failed, cancel #1, cancel #2, enter closed, close drained"),
        ("a clock that runs backwards stands still", "", Listening, "
            +11000  caller_audio
            +5000   key 1
                    due                => +13.000"),
];
