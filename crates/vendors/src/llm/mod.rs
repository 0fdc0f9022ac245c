//! Language models.
//!
//! What holds for all of them: text is passed on as it comes; a tool call is passed on when its arguments are a whole JSON
//! object, and a reply whose call is not fails as `Protocol` instead; a reply that its token limit has cut ends well with the
//! text it has; one without a word and without a call is `Empty`, unless it goes on with a reply that was begun and finds
//! nothing missing. Which language to answer in is the agent's instructions' to say: no API has a field for it.

pub mod anthropic;
pub mod gemini;
pub mod openai;
