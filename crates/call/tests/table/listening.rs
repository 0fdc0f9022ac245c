//! The turn of the caller: speech, words, keys, silence, and ears that fail.

use operetta_call::PhaseName::Listening;

use crate::Row;

pub(crate) const ROWS: &[Row] = &[
        ("speech, pause, words, endpoint", "", Listening, "
            +2000   spoke #1
            +2500   partial #2
            +3000   paused #1          => flush #2 1
                    due                => +5.200
            +3200   final #2 1 book it
                    due                => +3.400
            +3399   time
            +3400   time               => note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: book it"),
        ("the words come after the endpoint: they end the turn", "", Listening, "
            +2000   spoke #1
            +3000   paused #1          => flush #2 1
            +3400   time
            +3900   final #2 1 book it => note turn_ended, think #4, enter thinking"),
        ("a pause in the middle of a sentence", "", Listening, "
            +2000   spoke #1
            +3000   paused #1          => flush #2 1
            +3200   spoke #1
            +3300   final #2 1 I want
            +3400   time
            +4000   paused #1          => flush #2 2
            +4200   final #2 2 a dentist
            +4400   time               => note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: I want a dentist"),
        ("words of an earlier flush do not end the wait for the later", "", Listening, "
            +2000   spoke #1
            +3000   paused #1          => flush #2 1
            +3200   spoke #1
            +4000   paused #1          => flush #2 2
            +4200   final #2 1 I want
            +4400   time
            +4500   final #2 2 a dentist => note turn_ended, think #4, enter thinking"),
        ("the words never come", "", Listening, "
            +2000   spoke #1
            +3000   paused #1          => flush #2 1
            +7000   time               => note timed_out final, cancel #2, note ears_failed, listen #4, speak #5 not_understood, enter speaking
            +7100   final #2 1 book it => note stale #2"),
        ("the words are slow to come: a recording, and they are waited for", "", Listening, "
            +2000   spoke #1
            +3000   paused #1          => flush #2 1
            +5199   time
            +5200   time               => speak #4 (one moment)
            +5200   audio #4 1000      => play 1000
            +5200   done #4
                    due                => +7.000
            +5300   final #2 1 book it => note turn_ended, think #5, enter thinking
                    due                => +8.700"),
        ("the caller goes on while the recording plays: it stops", "", Listening, "
            +2000   spoke #1
            +3000   paused #1          => flush #2 1
            +5200   time               => speak #4 (one moment)
            +5200   audio #4 1000      => play 1000
            +5200   done #4
            +5300   spoke #1           => clear"),
        ("nobody understands the caller, and the agent connects to a person then", "transfer_on_failure", Listening, "
            +2000   spoke #1
            +2100   failed #2 never    => note ears_failed
            +3000   paused #1
            +3400   time               => speak #4 (apology), enter speaking
            +3400   audio #4 1000      => play 1000
            +3400   done #4            => mark 2
            +4400   mark 2             => cancel #1, enter closed, close transferred"),
        ("the last words never come: the answer is to those that did", "", Listening, "
            +2000   spoke #1
            +2500   final #2 - book it
            +3000   paused #1          => flush #2 1
            +7000   time               => note timed_out final, cancel #2, note ears_failed, listen #4, note turn_ended, think #5, enter thinking"),
        ("words that nobody asked for", "", Listening, "
            +2000   final #2 - book it
                    due                => +2.700
            +2700   time               => note turn_ended, think #4, enter thinking"),
        ("words of a flush long gone", "", Listening, "
            +2000   final #2 9 book it
            +2700   time               => note turn_ended, think #4, enter thinking"),
        ("a cough is no turn", "", Listening, "
            +2000   spoke #1
            +2300   paused #1          => flush #2 1
            +2400   final #2 1
            +2700   time               => note empty_turn
                    due                => +12.300"),
        ("music is no turn", "", Listening, "
            +2000   spoke #1
            +20000  caller_audio
            +31999  time
            +32000  time               => flush #2 1
            +32100  paused #1
            +32200  final #2 1
            +32400  time               => note empty_turn
                    due                => +42.000"),
        ("ears of another call, or of long ago", "", Listening, "
            +2000   spoke #9           => note stale #9
            +2000   paused #9          => note stale #9
            +2000   partial #9         => note stale #9
            +2000   final #9 1 hello   => note stale #9
            +2000   failed #9 now      => note stale #9
            +2000   done #3            => note stale #3
            +2000   reply #3 hello     => note stale #3
            +2000   reply_done #3 hang_up => note stale #3
            +2000   mark 1             => note unknown_mark"),
        ("the detector fails: it is opened again after growing pauses, until it hears something", "", Listening, "
            +2000   failed #1 later    => note ears_failed
                    due                => +2.250
            +2250   time               => detect #4
            +2300   failed #4 later    => note ears_failed
            +2800   time               => detect #5
            +2900   failed #5 now      => note ears_failed
            +3899   time
            +3900   time               => detect #6
            +4000   spoke #6
            +4100   failed #6 now      => note ears_failed, detect #7, flush #2 1"),
        ("the pauses stop growing at 8 s", "", Listening, "
            +2000   failed #2 later    => note ears_failed
            +2250   time               => listen #4
            +2250   failed #4 later    => note ears_failed
            +2750   time               => listen #5
            +2750   failed #5 later    => note ears_failed
            +3750   time               => listen #6
            +3750   failed #6 later    => note ears_failed
            +5750   time               => listen #7
            +5750   failed #7 later    => note ears_failed
            +9750   time               => listen #8
            +9750   failed #8 later    => note ears_failed
            +10000  spoke #1
            +17750  time               => listen #9
            +17750  failed #9 later    => note ears_failed
                    due                => +25.750"),
        ("the listener falls while the caller speaks: whoever takes over has heard too little", "", Listening, "
            +2000   spoke #1
            +2400   failed #2 now      => note ears_failed, listen #4
            +2700   paused #1          => flush #4 1
            +2800   final #4 1
            +3100   time               => speak #5 not_understood, enter speaking"),
        ("the listener crashes while the caller speaks", "", Listening, "
            +2000   spoke #1
            +2500   failed #2 now      => note ears_failed, listen #4
            +3000   paused #1          => flush #4 1
            +3100   final #4 1 book it
            +3400   time               => note turn_ended, think #5, enter thinking"),
        ("the caller speaks at length and no words are found: they are asked", "", Listening, "
            +2000   spoke #1
            +3300   paused #1          => flush #2 1
            +3400   final #2 1
            +3700   time               => note empty_turn, speak #4 not_understood, enter speaking"),
        ("a cough is no turn", "", Listening, "
            +2000   spoke #1
            +3200   paused #1          => flush #2 1
            +3300   final #2 1
            +3600   time               => note empty_turn"),
        ("the listener crashes with the words", "", Listening, "
            +2000   spoke #1
            +3000   paused #1          => flush #2 1
            +3100   failed #2 now      => note ears_failed, listen #4
            +3400   time               => speak #5 not_understood, enter speaking"),
        ("there is no listener any more", "", Listening, "
            +1500   failed #2 never    => note ears_failed
            +2000   spoke #1
            +3000   paused #1
            +3400   time               => speak #4 use_keys, enter speaking"),
        ("nobody says anything: two questions and a goodbye", "", Listening, "
            +11099  time
            +11100  time               => note timed_out caller, speak #4 still_there, enter speaking
            +11100  audio #4 1000      => play 1000
            +11100  done #4            => mark 2
            +12100  mark 2             => enter listening
            +22100  caller_audio
            +22100  time               => note timed_out caller, speak #5 still_there, enter speaking
            +22100  audio #5 1000      => play 1000
            +22100  done #5            => mark 3
            +23100  mark 3             => enter listening
            +33100  time               => note timed_out caller, speak #6 goodbye, enter speaking
            +33100  audio #6 1000      => play 1000
            +33100  done #6            => mark 4
            +34100  mark 4             => cancel #1, cancel #2, enter closed, close no_input"),
        ("a carrier that returns no marks is not waited for a third time", "idle_prompts=3", Listening, "
            +11100  time               => note timed_out caller, speak #4 still_there, enter speaking
            +11100  audio #4 1000      => play 1000
            +11100  done #4            => mark 2
            +14600  time               => note timed_out mark, enter listening
            +24600  time               => note timed_out caller, speak #5 still_there, enter speaking
            +24600  audio #5 1000      => play 1000
            +24600  done #5            => mark 3
                    due                => +28.100
            +28100  time               => note timed_out mark, enter listening
            +29000  caller_audio
            +38100  time               => note timed_out caller, speak #6 still_there, enter speaking
            +38100  audio #6 1000      => play 1000
            +38100  done #6            => mark 4
                    due                => +39.400
            +39400  time               => note timed_out mark, enter listening"),
        ("a mark that does come back is waited for again", "idle_prompts=3", Listening, "
            +11100  time               => note timed_out caller, speak #4 still_there, enter speaking
            +11100  audio #4 1000      => play 1000
            +11100  done #4            => mark 2
            +14600  time               => note timed_out mark, enter listening
            +24600  time               => note timed_out caller, speak #5 still_there, enter speaking
            +24600  audio #5 1000      => play 1000
            +24600  done #5            => mark 3
            +28100  time               => note timed_out mark, enter listening
            +28200  mark 3             => note unknown_mark
            +29000  caller_audio
            +38100  time               => note timed_out caller, speak #6 still_there, enter speaking
            +38100  audio #6 1000      => play 1000
            +38100  done #6            => mark 4
                    due                => +41.600"),
        ("a goodbye to nobody ends when somebody is there", "idle_prompts=0", Listening, "
            +11100  time               => note timed_out caller, speak #4 goodbye, enter speaking
            +11200  spoke #1           => cancel #4, clear, note barge_in, enter listening"),
        ("keys are a turn when no more come for two seconds", "", Listening, "
            +2000   key 1
            +3900   key 2
                    due                => +5.900
            +5900   time               => note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: 12"),
        ("the hash key ends a number", "", Listening, "
            +2000   key 4
            +2100   key #              => note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: 4"),
        ("the hash key alone is nothing", "", Listening, "
            +2000   key #
                    due                => +12.000"),
        ("nobody is idle in the middle of a number", "idle_ms=1000", Listening, "
            +2000   key 4
                    due                => +4.000
            +3000   time
            +4000   time               => note turn_ended, think #4, enter thinking"),
        ("words and keys are one turn", "", Listening, "
            +2000   spoke #1
            +2500   paused #1          => flush #2 1
            +2600   final #2 1 my number is
            +2700   key 4
            +2800   key 2
            +2900   time
            +4800   time               => note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: my number is 42"),
        ("a key that is heard as noise is still a key", "", Listening, "
            +2000   key 4
            +2000   spoke #1
            +2200   paused #1          => flush #2 1
            +2300   final #2 1
            +2600   time
            +4000   time               => note turn_ended, think #4, enter thinking
                    dialogue           => agent: Hello, how can I help you? | caller: 4"),
        ("words that never come do not take the number with them", "", Listening, "
            +2000   spoke #1
            +2200   paused #1          => flush #2 1
            +5000   key 4
            +6200   time               => note timed_out final, cancel #2, note ears_failed, listen #4
            +7000   time               => note turn_ended, think #5, enter thinking"),
];
