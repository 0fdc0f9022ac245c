//! The first words, whatever the voice does.

use operetta_call::PhaseName::Greeting;

use crate::Row;

pub(crate) const ROWS: &[Row] = &[
    (
        "heard to its end",
        "",
        Greeting,
        "
            +50     audio #3 1500      => play 1500
            +60     done #3            => mark 1
                    due                => +4.050
            +1550   mark 1             => note greeted, enter listening
                    dialogue           => agent: Hello, how can I help you?
                    due                => +11.550",
    ),
    (
        "its mark never comes back",
        "",
        Greeting,
        "
            +50     audio #3 1500      => play 1500
            +60     done #3            => mark 1
            +4049   time
            +4050   time               => note timed_out mark, note greeted, enter listening
            +4060   mark 1             => note unknown_mark",
    ),
    (
        "somebody else's mark",
        "",
        Greeting,
        "
            +50     mark 1             => note unknown_mark
            +50     audio #3 1500      => play 1500
            +60     done #3            => mark 1
            +70     mark 2             => note unknown_mark
            +70     mark 0             => note unknown_mark",
    ),
    (
        "the voice is slow: silence from 900 ms, the recording at 2.5 s",
        "",
        Greeting,
        "
            +899    time
            +900    time               => comfort 200
            +1100   time               => comfort 200
            +1300   time               => comfort 200
            +1500   audio #3 800       => play 800
            +1510   done #3            => mark 1",
    ),
    (
        "the voice hangs: recording, silence, apology at 10 s",
        "",
        Greeting,
        "
            +2499   time               => comfort 200
            +2500   time               => speak #4 (one moment)
                    due                => +2.700
            +2510   audio #4 1200      => play 1200
            +2510   done #4
            +4798   time
            +4799   time               => comfort 200
                    due                => +4.999
            +6209   time               => comfort 200
            +6398   time
            +6399   time               => speak #5 (one moment)
            +6399   audio #5 1200      => play 1200
            +6399   done #5
            +9999   time               => comfort 200
            +10000  time               => note timed_out audio, cancel #3, note speech_failed, speak #6 (apology)
            +10010  audio #6 2000      => play 2000
            +10010  done #6            => mark 1
            +12200  mark 1             => enter listening
                    dialogue           =>",
    ),
    (
        "the speech comes while the recording still does",
        "",
        Greeting,
        "
            +2500   time               => speak #4 (one moment)
            +2510   audio #4 300       => play 300
            +2520   audio #3 900       => cancel #4, play 900
            +2530   audio #4 300       => note stale #4
            +2540   done #3            => mark 1",
    ),
    (
        "the voice refuses",
        "",
        Greeting,
        "
            +30     failed #3 never    => note speech_failed, speak #4 (apology)
            +30     audio #4 2000      => play 2000
            +30     done #4            => mark 1",
    ),
    (
        "the voice refuses and the recording is gone too: the call goes on",
        "",
        Greeting,
        "
            +30     failed #3 later    => note speech_failed, speak #4 (apology)
            +40     failed #4 never    => note speech_failed, enter listening
                    due                => +10.040",
    ),
    (
        "the worker crashes: its successor is asked, once",
        "",
        Greeting,
        "
            +30     failed #3 now      => speak #4 greeting
            +31     audio #3 20        => note stale #3
            +40     failed #4 now      => note speech_failed, speak #5 (apology)",
    ),
    (
        "the worker crashes after words were heard: they are not said again",
        "",
        Greeting,
        "
            +30     audio #3 400       => play 400
            +40     failed #3 now      => note speech_failed, mark 1
            +430    mark 1             => enter listening",
    ),
    (
        "an empty success is a failure",
        "",
        Greeting,
        "
            +30     done #3            => note speech_failed, speak #4 (apology)",
    ),
    (
        "one byte a second is given up when the line has waited for long enough",
        "",
        Greeting,
        "
            +500    audio #3 1         => play 1
                    due                => +1.401
            +1401   time               => comfort 200
            +1500   audio #3 1         => play 1
            +2500   audio #3 1         => play 1
            +3500   audio #3 1         => play 1
                    due                => +3.504
            +3504   time               => note timed_out audio, cancel #3, note speech_failed, mark 1
                    due                => +6.004",
    ),
    (
        "a voice that never stops is stopped",
        "",
        Greeting,
        "
            +10     audio #3 120000    => play 120000
            +20     audio #3 20        => play 20, note speech_failed, cancel #3, mark 1",
    ),
    (
        "the caller cuts in",
        "",
        Greeting,
        "
            +50     audio #3 1600      => play 1600
            +850    spoke #1           => cancel #3, clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how (cut)
            +860    audio #3 300       => note stale #3
            +1500   paused #1          => flush #2 1",
    ),
    (
        "the caller cuts in before anything was heard",
        "",
        Greeting,
        "
            +300    spoke #1           => cancel #3, clear, note barge_in, enter listening
                    dialogue           =>",
    ),
    (
        "a key cuts in",
        "",
        Greeting,
        "
            +300    key 1              => cancel #3, clear, note barge_in, enter listening
            +600    key 2
            +2600   time               => note turn_ended, think #4, enter thinking
                    dialogue           => caller: 12",
    ),
    (
        "the caller may not cut in, and is heard all the same",
        "no_barge_in",
        Greeting,
        "
            +50     audio #3 1600      => play 1600
            +60     done #3            => mark 1
            +300    spoke #1
            +900    paused #1          => flush #2 1
            +1000   final #2 1 book it
            +1650   mark 1             => note greeted, enter listening, note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: book it",
    ),
    (
        "keys wait for the end of a greeting that may not be cut",
        "no_barge_in",
        Greeting,
        "
            +50     audio #3 1600      => play 1600
            +60     done #3            => mark 1
            +300    key 7
            +1650   mark 1             => note greeted, enter listening
            +2300   time               => note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: 7",
    ),
    (
        "the caller hangs up",
        "",
        Greeting,
        "
            +50     audio #3 1600      => play 1600
            +60     stop               => cancel #1, cancel #2, cancel #3, enter closed, close caller_hung_up",
    ),
    (
        "shutting down: the last words take the place of the first",
        "",
        Greeting,
        "
            +60     draining           => cancel #3, clear, speak #4 goodbye, enter speaking
            +70     spoke #1
            +80     audio #4 900       => play 900
            +80     done #4            => mark 1
            +980    mark 1             => cancel #1, cancel #2, enter closed, close drained",
    ),
];
