//! One provider hears, thinks and speaks; we pace, cut and remember.

use operetta_call::PhaseName::{Connected, Greeting, Listening, Speaking, Thinking};

use crate::Row;

pub(crate) const ROWS: &[Row] = &[
        ("one job in the place of two ears; the greeting is ours", "", Connected, "
            +0      start whole        => enter started, converse #1, enter greeting, speak #2 greeting"),
        ("a turn", "whole", Listening, "
            +2000   spoke #1
            +3000   paused #1          => note turn_ended, enter thinking
            +3500   worded #1 1 Of course. => enter speaking
            +3600   voiced #1 1 1000   => play 1000
            +3700   final #1 - book it
            +3700   voiced #1 1 1000   => play 1000
            +3800   uttered #1 1 listen => mark 2
            +5600   mark 2             => enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: Of course."),
        ("the caller cuts in: the provider is told what was heard", "whole", Speaking, "
            +4600   spoke #1           => cut #1 1 1000, clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how can I help you? Of course, is (cut)
            +4700   voiced #1 1 500    => note stale #1
            +4700   worded #1 1 more   => note stale #1
            +4700   uttered #1 1 listen => note stale #1
            +5000   paused #1          => note turn_ended, enter thinking
            +5200   voiced #1 2 500    => enter speaking, play 500"),
        ("the caller cuts in while the end of it plays", "whole", Speaking, "
            +3800   uttered #1 1 listen => mark 2
            +4600   spoke #1           => cut #1 1 1000, clear, note barge_in, enter listening
            +4610   mark 2             => note unknown_mark"),
        ("the caller answers before the mark is back: nobody was interrupted", "whole", Speaking, "
            +3800   uttered #1 1 listen => mark 2
            +5700   spoke #1           => clear, enter listening
                    dialogue           => agent: Hello, how can I help you? Of course, is ten all right?"),
        ("the caller may not cut in", "whole no_barge_in", Speaking, "
            +4600   spoke #1
            +4800   paused #1
            +4900   voiced #1 2 500    => cut #1 2 0
            +4910   voiced #1 2 500    => note stale #1
            +5000   uttered #1 1 listen => mark 2
            +5600   mark 2             => enter listening"),
        ("a reply that comes while the caller has the word is refused", "whole", Listening, "
            +2000   spoke #1
            +2100   voiced #1 1 500    => cut #1 1 0
            +2200   voiced #1 1 500    => note stale #1"),
        ("a reply during the greeting is refused", "whole no_barge_in", Greeting, "
            +200    spoke #1
            +600    paused #1
            +700    worded #1 1 Hello  => cut #1 1 0
            +800    uttered #1 1 listen => note stale #1"),
        ("the agent hangs up when its goodbye has been heard", "whole", Speaking, "
            +3800   uttered #1 1 hang_up => mark 2
            +5600   mark 2             => cancel #1, enter closed, close agent_hung_up"),
        ("a mark is lost", "whole", Speaking, "
            +3800   uttered #1 1 listen => mark 2
            +8100   time               => note timed_out mark, enter listening"),
        ("a reply without a word: another follows", "whole", Thinking, "
            +3500   uttered #1 1 listen
            +3900   voiced #1 2 500    => enter speaking, play 500"),
        ("a reply without a word that ends the call", "whole", Thinking, "
            +3500   uttered #1 1 hang_up => enter speaking, cancel #1, enter closed, close agent_hung_up"),
        ("the answer is slow: a recording; none comes: somebody else listens", "whole", Thinking, "
                    due                => +4.800
            +4800   time               => speak #3 (one moment)
            +4800   audio #3 1000      => play 1000
            +4800   done #3
            +11000  time               => note timed_out mind, cancel #1, note ears_failed, converse #4, speak #5 (apology), enter speaking
            +11100  voiced #1 1 500    => note stale #1"),
        ("the caller goes on before the answer", "whole", Thinking, "
            +3500   spoke #1           => enter listening
            +4000   paused #1          => note turn_ended, enter thinking"),
        ("the voice breaks off", "whole", Speaking, "
                    due                => +8.600
            +8600   time               => note timed_out audio, cut #1 1 2000, mark 2
            +8700   mark 2             => enter listening"),
        ("the conversation is lost in the middle of an answer: what was said stands", "whole", Speaking, "
            +3700   failed #1 now      => note ears_failed, converse #3, mark 2
            +3750   voiced #1 1 500    => note stale #1
            +5600   mark 2             => enter listening
            +5700   voiced #3 1 500    => enter speaking, play 500"),
        ("the conversation is lost behind a goodbye without a word: the call ends all the same", "whole", Thinking, "
            +3500   worded #1 1 Bye    => enter speaking
            +3600   uttered #1 1 hang_up => mark 2
            +3700   failed #1 now      => note ears_failed, converse #3
            +3800   mark 2             => cancel #3, enter closed, close agent_hung_up"),
        ("the conversation is lost before an answer is voiced", "whole", Thinking, "
            +3500   worded #1 1 Well   => enter speaking
            +3600   failed #1 now      => note ears_failed, converse #3, speak #4 (apology), enter speaking"),
        ("words without a voice are no answer", "whole", Thinking, "
            +3500   worded #1 1 Well   => enter speaking
            +3600   uttered #1 1 listen => note speech_failed, cut #1 1 0, speak #3 (apology), enter speaking
                    dialogue           => agent: Hello, how can I help you?"),
        ("words without a voice end the call all the same", "whole", Thinking, "
            +3500   worded #1 1 Bye    => enter speaking
            +3600   uttered #1 1 hang_up => mark 2
            +3700   mark 2             => cancel #1, enter closed, close agent_hung_up"),
        ("words whose voice does not come: somebody else listens", "whole", Thinking, "
            +3500   worded #1 1 Well   => enter speaking
            +4800   time               => speak #3 (one moment)
            +4800   audio #3 1000      => play 1000
            +4800   done #3
            +11500  time               => note timed_out audio, cancel #1, note ears_failed, converse #4, speak #5 (apology), enter speaking"),
        ("a second reply without a voice is left at the first", "whole", Speaking, "
            +3700   uttered #1 1 listen => mark 2
            +3800   worded #1 2 It is.
            +3900   uttered #1 2 listen => mark 3
            +5600   mark 2
            +5700   mark 3             => enter listening
                    dialogue           => agent: Hello, how can I help you? Of course, is ten all right?"),
        ("a reply behind a tool follows the one before it", "whole", Speaking, "
            +3700   uttered #1 1 listen => mark 2
            +3800   voiced #1 2 1000   => play 1000
            +3800   worded #1 2 It is.
            +3900   uttered #1 2 listen => mark 3
            +5600   mark 2
            +6600   mark 3             => enter listening
                    dialogue           => agent: Hello, how can I help you? Of course, is ten all right? It is."),
        ("the caller cuts in before the second reply: the provider forgets both rests", "whole", Speaking, "
            +3700   uttered #1 1 listen => mark 2
            +3800   voiced #1 2 1000   => play 1000
            +4600   spoke #1           => cut #1 1 1000, cut #1 2 0, clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how can I help you? Of course, is (cut)"),
        ("keys are typed to the provider", "whole", Listening, "
            +2000   key 4
            +4000   time               => note turn_ended, type #1 '4', enter thinking"),
        ("the conversation is lost: another one", "whole", Listening, "
            +1900   spoke #1
            +2000   failed #1 now      => note ears_failed, converse #3
            +2100   spoke #3"),
        ("the conversation is lost in the middle of what the caller says: they are asked for it", "whole", Listening, "
            +1900   spoke #1
            +2000   failed #1 now      => note ears_failed, converse #3
            +2700   time               => speak #4 not_understood, enter speaking"),
        ("the conversation is lost again: the parts take over", "whole", Listening, "
            +1900   spoke #1
            +2000   failed #1 now      => note ears_failed, converse #3
            +2100   failed #3 now      => note ears_failed, detect #4, listen #5
            +2200   spoke #4
            +2900   paused #4          => flush #5 1"),
        ("the conversation hears, and breaks off again without an answer: the parts take over", "whole", Listening, "
            +1900   spoke #1
            +2000   failed #1 now      => note ears_failed, converse #3
            +2100   spoke #3
            +2200   failed #3 now      => note ears_failed, detect #4, listen #5"),
        ("the conversation is lost again after an answer: another one", "whole", Listening, "
            +1900   spoke #1
            +2000   failed #1 now      => note ears_failed, converse #3
            +2100   spoke #3
            +2400   paused #3          => note turn_ended, enter thinking
            +3000   voiced #3 1 1000   => enter speaking, play 1000
            +3100   worded #3 1 Yes.
            +3200   uttered #3 1 listen => mark 2
            +5000   mark 2             => enter listening
            +5900   spoke #3
            +6000   failed #3 now      => note ears_failed, converse #4"),
        ("the conversation never was: the parts take over, and the caller, whom nobody could hear, is asked", "whole", Listening, "
            +2000   failed #1 now      => note ears_failed, detect #3, listen #4
            +2700   time               => speak #5 not_understood, enter speaking"),
        ("the conversation can never be had: the parts take over at once", "whole", Greeting, "
            +50     failed #1 never    => note ears_failed, detect #3, listen #4"),
        ("the conversation is lost while an answer is due", "whole", Thinking, "
            +3500   failed #1 later    => note ears_failed, speak #3 (apology), enter speaking
            +3750   time               => converse #4"),
        ("shutting down while the provider speaks", "whole", Speaking, "
            +3800   draining           => cut #1 1 200, clear, speak #3 goodbye, enter speaking
            +3850   voiced #1 2 500    => cut #1 2 0"),
];
