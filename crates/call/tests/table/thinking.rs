//! The agent thinks of a reply.

use operetta_call::PhaseName::Thinking;

use crate::Row;

pub(crate) const ROWS: &[Row] = &[
    (
        "the first sentence is spoken while the rest is thought of",
        "",
        Thinking,
        "
            +3600   reply #4 Of course
            +3700   reply #4 , sure. Is ten => speak #5 'Of course, sure.', enter speaking
            +3800   reply #4  all right?
            +3900   reply_done #4 listen
            +4000   audio #5 1000      => play 1000
            +4000   done #5            => mark 2, speak #6 'Is ten all right?'",
    ),
    (
        "the mind is silent for too long",
        "",
        Thinking,
        "
                    due                => +5.200
            +5199   time
            +5200   time               => speak #5 (one moment)
            +5200   audio #5 1000      => play 1000
            +5200   done #5
                    due                => +8.700
            +8700   time               => speak #6 (one moment)
            +8700   failed #6 never
                    due                => +11.200
            +11200  time               => speak #7 (one moment)
                    due                => +11.400
            +11400  time               => note timed_out mind, cancel #4, cancel #7, speak #8 (apology), enter speaking
            +11500  reply #4 hello.    => note stale #4",
    ),
    (
        "a mind that drips letters is not going on",
        "",
        Thinking,
        "
            +5000   reply #4 w
            +8000   reply #4 e
            +11000  reply #4 l
                    due                => +5.200
            +11400  time               => note timed_out mind, cancel #4, speak #5 (apology), enter speaking",
    ),
    (
        "the mind fails",
        "",
        Thinking,
        "
            +3600   failed #4 later    => note mind_failed, speak #5 (apology), enter speaking
            +3600   audio #5 1000      => play 1000
            +3600   done #5            => mark 2
            +4600   mark 2             => enter listening",
    ),
    (
        "words come while the recording plays: they follow it",
        "",
        Thinking,
        "
            +5200   time               => speak #5 (one moment)
            +5200   audio #5 1000      => play 1000
            +5200   done #5
            +5300   reply #4 Of course. Ten => speak #6 'Of course.', enter speaking
            +5400   audio #6 500       => play 500
                    due                => +7.600",
    ),
    (
        "the caller goes on while the recording plays: it stops",
        "",
        Thinking,
        "
            +5200   time               => speak #5 (one moment)
            +5200   audio #5 1000      => play 1000
            +5200   done #5
            +5300   spoke #1           => cancel #4, clear, enter listening",
    ),
    (
        "the mind fails, and the agent connects to a person then",
        "transfer_on_failure",
        Thinking,
        "
            +3600   failed #4 later    => note mind_failed, speak #5 (apology), enter speaking
            +3600   audio #5 1000      => play 1000
            +3600   done #5            => mark 2
            +4600   mark 2             => cancel #1, cancel #2, enter closed, close transferred",
    ),
    (
        "the mind fails, and the agent says goodbye then",
        "goodbye_on_failure",
        Thinking,
        "
            +3600   failed #4 later    => note mind_failed, speak #5 (apology), enter speaking
            +3600   audio #5 1000      => play 1000
            +3600   done #5            => mark 2, speak #6 goodbye
            +3700   failed #6 never    => note speech_failed
            +4600   mark 2             => cancel #1, cancel #2, enter closed, close providers_failed",
    ),
    (
        "the worker crashes: its successor is asked, once",
        "",
        Thinking,
        "
            +3600   reply #4 Well
            +3700   failed #4 now      => note mind_failed, think #5
            +3800   reply #4 never     => note stale #4
            +3900   failed #5 now      => note mind_failed, speak #6 (apology), enter speaking",
    ),
    (
        "a mind with nothing to say has failed",
        "",
        Thinking,
        "
            +3600   reply_done #4 listen => note mind_failed, speak #5 (apology), enter speaking",
    ),
    (
        "a mind that hangs up without a word",
        "",
        Thinking,
        "
            +3600   reply_done #4 hang_up => enter speaking, cancel #1, cancel #2, enter closed, close agent_hung_up",
    ),
    (
        "the caller goes on: it is thought of again, of all of it",
        "",
        Thinking,
        "
            +3600   spoke #1           => cancel #4, enter listening
            +4000   paused #1          => flush #2 2
            +4100   final #2 2 for Monday
            +4400   time               => note turn_ended, think #5, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: book it for Monday",
    ),
    (
        "the caller may go on even where they may not interrupt",
        "no_barge_in",
        Thinking,
        "
            +3600   spoke #1           => cancel #4, enter listening",
    ),
    (
        "more words come late",
        "",
        Thinking,
        "
            +3600   final #2 - for Monday => cancel #4, enter listening
            +4300   time               => note turn_ended, think #5, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: book it for Monday",
    ),
    (
        "no more words come late",
        "",
        Thinking,
        "
            +3600   final #2 1
            +3600   partial #2
            +3600   paused #1",
    ),
    (
        "a noise while the agent thinks: it thinks again",
        "",
        Thinking,
        "
            +3600   spoke #1           => cancel #4, enter listening
            +3800   paused #1          => flush #2 2
            +3900   final #2 2
            +4200   time               => note empty_turn, think #5, enter thinking",
    ),
    (
        "a key while the agent thinks",
        "",
        Thinking,
        "
            +3600   key 5              => cancel #4, enter listening
            +5600   time               => note turn_ended, think #5, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: book it 5",
    ),
    (
        "what others say while the agent thinks",
        "",
        Thinking,
        "
            +3600   reply #9 hello     => note stale #9
            +3600   audio #3 20        => note stale #3
            +3600   done #3            => note stale #3
            +3600   final #9 1 hello   => note stale #9
            +3600   paused #9          => note stale #9
            +3600   mark 1             => note unknown_mark",
    ),
    (
        "the ears fail while the agent thinks",
        "",
        Thinking,
        "
            +3600   failed #2 now      => note ears_failed, listen #5",
    ),
    (
        "shutting down while the agent thinks",
        "",
        Thinking,
        "
            +3600   draining           => cancel #4, speak #5 goodbye, enter speaking",
    ),
];
